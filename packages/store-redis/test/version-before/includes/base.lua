-- KEYS[1] is the store's meta hash, `{tag}:meta`. Every key of the store begins with the same tag, so that on a Redis
-- Cluster all of them lie in the slot of the one that is declared.
local META = KEYS[1]
local P = string.sub(META, 1, -5)
local TASKS, STATES, RUNNING, SCHEDULED = P .. 'tasks', P .. 'states', P .. 'running', P .. 'scheduled'
local F = '\31'

-- Milliseconds before 2020, taken off times that go into scores, where every bit counts.
local EPOCH = 1577836800000
local PRIORITY_STEP = 2 ^ 41

-- Tasks that are listed together in one entry: as many as fill the four kibibytes that Redis sets aside for it.
local CHUNK = 110

local call, floor, format, sub, find, match = redis.call, math.floor, string.format, string.sub, string.find, string.match

-- Whole numbers beyond what tostring() gives exactly.
local function whole(number)
  return format('%.0f', number)
end

-- Calls a command with a long list of arguments, as many at a time as Lua's stack takes.
local function callWithAll(command, key, list, perCall)
  for from = 1, #list, perCall do
    call(command, key, unpack(list, from, math.min(from + perCall - 1, #list)))
  end
end
