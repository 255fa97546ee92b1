#!lua flags=allow-oom
-- include includes/finished-entries.lua

-- Removes tasks that have ended. ARGV: time, namespace, the letters of the ends that are wanted, ids.
-- Reply: time, ready lanes, then for each task: 'y' removed, 'e' and its status where it has not ended so, 'n' there is none.

local now, namespace = storeTime(ARGV[1]), ARGV[2]
local wanted = ARGV[3]
promoteDue(now)
local plain = {}

local function deleteOne(id)
  if isGone[id] or plain[id] then return 'n' end
  local text = readState(id)
  local task = not text and call('HGET', TASKS, id)
  local s = text and parseState(text) or task and freshState(task)
  if not s or not liesIn(namespace, s.head) then return 'n' end
  if not find(wanted, s.status, 1, true) then return 'e' .. s.status end
  s.size = finishedSize(#text, s)
  if s.status == 'o' and isPlain(s) then plain[id] = s else removeTask(id, s, s.size) end
  return 'y'
end

local reply = { whole(now), '' }
for i = 4, #ARGV do reply[i - 1] = deleteOne(ARGV[i]) end
removePlain(plain)
removeGone()
saveLanes()
reply[2] = readyLaneNames()
return reply
