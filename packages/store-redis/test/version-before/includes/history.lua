-- include includes/ready.lua

-- A task's history is a list of lines, each: at, kind, attempt, token, startedAt, worker, when it is tried again (of an end:
-- how its last lease was settled), data. Tokens never fall from line to line.

-- Ends of attempts kept per task; beyond them only progress, logs and the end itself are told.
local MOST_LINES = 10000

local function historyKey(id)
  return P .. 'history:' .. id
end

local function addLine(id, s, kind, at, line)
  local text = table.concat({
    whole(at), kind, s.attempt, s.token, optional(line.startedAt), line.worker or '',
    line.settled or optional(line.retryAt), line.data or '',
  }, F)
  call('RPUSH', historyKey(id), text)
  s.historyBytes = s.historyBytes + #text
end

-- The line that ends an attempt carries its start, so that starts need no line of their own.
local function endAttempt(id, s, kind, now, retryAt, data)
  if call('LLEN', historyKey(id)) >= MOST_LINES then return end
  addLine(id, s, kind, now, { startedAt = s.startedAt, worker = s.worker, retryAt = retryAt, data = data })
end
