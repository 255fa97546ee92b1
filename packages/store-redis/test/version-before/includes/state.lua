-- include includes/time.lua

-- A task is two records. In `tasks`, written once:
--   createdAt, head, position in its call, maxAttempts, backoff, tags, idempotency key, payload
-- with head = lane,base,size,first,priority,timeout seconds,payload bytes,tagged: all that scripts need to know; base, size and
-- first are those of its chunk (see index.lua). And, once the task was scheduled or claimed, in `running` while it runs, a
-- small table that stays in the processor's cache, else in `states`:
--   status, token, attempt, crashes, readyAt, settled, startedAt, endAt, cancelAt, records of the attempt, records of
--   all attempts, bytes of history, worker, head, progress, text
-- status: s(cheduled) q(ueued) r(unning) o(k, succeeded) f(ailed) c(ancelled). crashes: all of them and, where there are
-- such, those of workers that ran nothing else. settled, of a running task: whether its worker is w(atched) or u(nwatched),
-- the id of the claim that gave the lease, as JSON, and, behind \30, its node, as JSON, where `nodes-of` names another;
-- else how the last lease was settled (its outcome's letter) and where the task went, '' when it ended without its worker's
-- word. endAt: the deadline of a running task, the end of a finished one. worker is JSON. text: the result, or the error as
-- JSON.

local HEAD = '^(%d+),(%d+),(%d+),(%d+),(-?%d+),([^,]*),(%d+),(%d)$'
local STATE = '^' .. string.rep('([^\31]*)\31', 15) .. '(.*)$'

local heads = {}

local function headOf(text)
  local head = heads[text]
  if head then return head end
  local lane, base, size, first, priority, timeout, bytes, tagged = match(text, HEAD)
  head = {
    lane = lane,
    base = base,
    size = tonumber(size),
    first = tonumber(first),
    priority = tonumber(priority),
    timeoutMs = timeout ~= '' and floor(timeout * 1000 + 0.5) or nil,
    bytes = tonumber(bytes),
    tagged = tagged == '1',
  }
  heads[text] = head
  return head
end

local function parseState(text)
  local status, token, attempt, crashes, readyAt, settled, startedAt, endAt, cancelAt, records, allRecords, historyBytes,
    worker, headText, progress, rest = match(text, STATE)
  local allCrashes, loneCrashes = tonumber(crashes), 0
  if not allCrashes then
    allCrashes, loneCrashes = match(crashes, '^(%d+),(%d+)$')
    allCrashes, loneCrashes = tonumber(allCrashes), tonumber(loneCrashes)
  end
  return {
    status = status,
    token = token,
    attempt = tonumber(attempt),
    crashes = allCrashes,
    loneCrashes = loneCrashes,
    readyAt = tonumber(readyAt),
    settled = settled,
    startedAt = tonumber(startedAt),
    endAt = tonumber(endAt),
    cancelAt = tonumber(cancelAt),
    records = tonumber(records) or 0,
    allRecords = tonumber(allRecords) or 0,
    historyBytes = tonumber(historyBytes) or 0,
    worker = worker,
    headText = headText,
    head = headOf(headText),
    progress = progress,
    text = rest,
  }
end

local function optional(number)
  return (number == nil or number == 0) and '' or whole(number)
end

local function stateText(s)
  local crashes = s.loneCrashes == 0 and s.crashes or s.crashes .. ',' .. s.loneCrashes
  return table.concat({
    s.status, s.token, s.attempt, crashes, whole(s.readyAt), s.settled, optional(s.startedAt), optional(s.endAt),
    optional(s.cancelAt), optional(s.records), optional(s.allRecords), optional(s.historyBytes), s.worker, s.headText,
    s.progress, s.text,
  }, F)
end

-- createdAt and head of a task's record, as texts.
local function splitTask(task)
  local createdAt, headText = match(task, '^(%d+)\31([^\31]*)\31')
  return createdAt, headText
end

local function headOfTask(task)
  local _, headText = splitTask(task)
  return headOf(headText)
end

local function freshState(task)
  local createdAt, headText = splitTask(task)
  return {
    status = 'q', token = '0', attempt = 0, crashes = 0, loneCrashes = 0, readyAt = tonumber(createdAt), settled = '',
    records = 0, allRecords = 0, historyBytes = 0, worker = '', headText = headText, head = headOf(headText), progress = '', text = '',
  }
end

-- The number of a task in order of submission.
local function numberOf(task)
  local head = headOfTask(task)
  local position = match(task, '^%d+\31[^\31]*\31(%d+)\31')
  return whole(head.base - head.first + position)
end

-- The state of a task that is not fresh, nil for others.
local function readState(id)
  return call('HGET', RUNNING, id) or call('HGET', STATES, id) or nil
end

-- The caller removes the state from the other table when the task comes from there.
local function saveState(id, s)
  local text = stateText(s)
  call('HSET', s.status == 'r' and RUNNING or STATES, id, text)
  return text
end
