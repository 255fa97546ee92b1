#!lua
-- include includes/ending.lua

-- Makes failed and cancelled tasks ready again. ARGV: time, namespace, ids.
-- Reply: time, ready lanes, then for each task: 'y' retried, 'e' and its status, 'n' there is none.

local now, namespace = storeTime(ARGV[1]), ARGV[2]
promoteDue(now)

local function retryEnded(id, s, text)
  local lane = laneOf(s.head.lane)
  local KINDS = { f = 'failed', c = 'cancelled' }
  count(lane, s.status, -1)
  finishedBytes = finishedBytes - finishedSize(#text, s)
  call('ZREM', endedIndex(lane, s.status), id)
  local line = { startedAt = s.startedAt, worker = s.worker, settled = s.settled, data = s.text }
  addLine(id, s, KINDS[s.status], s.endAt, line)
  addLine(id, s, 'retried', now, {})
  s.attempt, s.crashes, s.loneCrashes, s.settled, s.records = 0, 0, 0, '', 0
  s.startedAt, s.endAt, s.worker, s.progress, s.text = nil, nil, '', '', ''
  makeReady(id, s, now)
  saveState(id, s)
  return 'y'
end

local function retryOne(id)
  local text = readState(id)
  local task = not text and call('HGET', TASKS, id)
  local s = text and parseState(text) or task and freshState(task)
  if not s or not liesIn(namespace, s.head) then return 'n' end
  if s.status == 'f' or s.status == 'c' then return retryEnded(id, s, text) end
  return 'e' .. s.status
end

local reply = { whole(now), '' }
for i = 3, #ARGV do reply[i] = retryOne(ARGV[i]) end
saveCounts()
reply[2] = readyLaneNames()
return reply
