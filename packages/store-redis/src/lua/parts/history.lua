-- include parts/ready.lua

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

local LINE = '^(%d+)\31([^\31]*)\31[^\31]*\31(%d+)\31[^\31]*\31[^\31]*\31([^\31]*)\31(.*)$'

-- Fields of the line at an index: at, kind, token, how it was settled or when it is tried again, data.
local function lineAt(key, index)
  return match(call('LINDEX', key, index), LINE)
end

-- Index of the last line of this token or a smaller one; -1 when there is none.
local function lastLineUntil(key, token)
  local low, high = -1, call('LLEN', key) - 1
  while low < high do
    local middle = floor((low + high + 1) / 2)
    local _, _, ofLine = lineAt(key, middle)
    if tonumber(ofLine) <= token then low = middle else high = middle - 1 end
  end
  return low
end
