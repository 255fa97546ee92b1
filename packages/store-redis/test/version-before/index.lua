#!lua flags=no-writes
-- include includes/lanes.lua

-- Candidates for a page of the list, newest first, with the number of each in order of submission.
--
-- `index:<lane>` holds the tasks of a lane in order of submission, in chunks of up to a hundred that came together:
-- member "id,id,…" or "0=id,3=id,…" (distances from the chunk's number, where its tasks are not in a row), score the
-- number of its first task. A chunk goes when all its tasks are gone; ids of tasks that are gone may still be in it.
--
-- ARGV: time; namespace; queue or ''; type or ''; statuses, f and c, or ''; tag, or '' with `tagged` '0'; tagged; below (a number,
-- '' for the newest); createdBefore or ''; createdAfter or ''; how many tasks are wanted.
-- Reply: horizon: the number above which nothing is missing, '' when nothing is left; then number and member of each entry.

local namespace, queue, type, statuses, tag, tagged = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7] == '1'
local wanted = tonumber(ARGV[11])

-- A task's number is at least the time of its submission, and ahead of it by at most as much as it ever was.
local function newest()
  local below = ARGV[8] ~= '' and tonumber(ARGV[8]) or math.huge
  if ARGV[9] ~= '' then
    local ahead = tonumber(call('HGET', META, 'ahead') or 0)
    below = math.min(below, (ARGV[9] - EPOCH + ahead) * 4096)
  end
  return below == math.huge and '+inf' or '(' .. whole(below)
end

local oldest = ARGV[10] ~= '' and whole((ARGV[10] - EPOCH) * 4096) or '-inf'

local function lanesOfQueue(name)
  local inQueue = namespace .. '\n' .. name
  if type == '' then return call('SMEMBERS', P .. 'lanesof:' .. inQueue) end
  local number = call('HGET', P .. 'lanes', inQueue .. '\n' .. type)
  return number and { number } or {}
end

local function sources()
  if tagged then return { P .. 'tag:' .. namespace .. '\n' .. tag } end
  local keys = {}
  for _, name in ipairs(queue ~= '' and { queue } or call('SMEMBERS', P .. 'queues:' .. namespace)) do
    for _, number in ipairs(lanesOfQueue(name)) do
      if statuses == '' then keys[#keys + 1] = P .. 'index:' .. number end
      for status in string.gmatch(statuses, '.') do keys[#keys + 1] = P .. 'ended:' .. number .. ':' .. status end
    end
  end
  return keys
end

local reply, horizon = { '' }, -1
local keys = sources()
local from = newest()
local perSource = math.max(1, math.ceil(wanted / math.max(1, #keys)))

local function tasksIn(member)
  local _, commas = string.gsub(member, ',', '')
  return commas + 1
end

for _, key in ipairs(keys) do
  local found, last, offset = 0, nil, 0
  repeat
    local entries = call('ZREVRANGEBYSCORE', key, from, oldest, 'WITHSCORES', 'LIMIT', offset, 8)
    for i = 1, #entries, 2 do
      reply[#reply + 1], reply[#reply + 2] = entries[i + 1], entries[i]
      found, last = found + tasksIn(entries[i]), tonumber(entries[i + 1])
    end
    offset = offset + 8
  until #entries < 16 or found >= perSource
  if found >= perSource and last > horizon then horizon = last end
end
if horizon >= 0 then reply[1] = whole(horizon) end
return reply
