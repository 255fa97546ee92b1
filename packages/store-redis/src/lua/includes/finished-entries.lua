-- include includes/removal.lua

-- Takes plain successes out of their entries in the list of finished tasks, each with its share of the bytes there: retention
-- believes such an entry without a look at the tasks. Others stay in the list until their time; then no state is found.

local DONE = finishedList('o')
local AT_ONCE = 16
-- The id of no task, for an entry of which none is left: retention drops it like one that was retried.
local NOBODY = { '-' }

local function timeAt(index)
  local entry = call('LINDEX', DONE, index)
  return entry and tonumber(match(entry, '^%d+')) or math.huge
end

-- Where to look for entries of a time: none are before it, and the first not far behind. None are before `from`. Tasks that are
-- removed together ended near each other as a rule, so the steps begin small.
local function indexNear(time, from)
  local low, high, step = from, from + AT_ONCE, AT_ONCE
  while timeAt(high) < time do low, high, step = high, high + step, step * AT_ONCE end
  while high - low > AT_ONCE do
    local middle = floor((low + high) / 2)
    if timeAt(middle) < time then low = middle else high = middle end
  end
  return low
end

-- Removes those of an entry that are wanted; says how many.
local function removeFrom(index, entry, wanted)
  local time, common, ids = splitFinishedEntry(entry)
  local left = {}
  for _, id in ipairs(ids) do
    local s = common and wanted[id]
    if s then removeTask(id, s, takeShare(common)) else left[#left + 1] = id end
  end
  if #left == #ids then return 0 end
  local rest = #left > 0 and restOfEntry(time, common, left) or restOfEntry(time, nil, NOBODY)
  call('LSET', DONE, index, rest)
  return #ids - #left
end

-- Removes tasks that ended at one time; says from where it looked.
local function removeOfTime(time, wanted, count, from)
  local first = indexNear(time, from)
  local index = first
  while count > 0 do
    local entries = call('LRANGE', DONE, index, index + AT_ONCE - 1)
    if #entries == 0 then return first end
    for i, entry in ipairs(entries) do
      local endedAt = tonumber(match(entry, '^%d+'))
      if endedAt > time then return first end
      if endedAt == time then count = count - removeFrom(index + i - 1, entry, wanted) end
    end
    index = index + #entries
  end
  return first
end

-- Removes successes that are all plain; `wanted` has the state of each by its id, with its size.
local function removePlain(wanted)
  local ofTime, counts, times = {}, {}, {}
  for id, s in pairs(wanted) do
    if not ofTime[s.endAt] then
      times[#times + 1] = s.endAt
      ofTime[s.endAt], counts[s.endAt] = {}, 0
    end
    ofTime[s.endAt][id], counts[s.endAt] = s, counts[s.endAt] + 1
  end
  table.sort(times)
  local from = 0
  for _, time in ipairs(times) do from = removeOfTime(time, ofTime[time], counts[time], from) end
  for id, s in pairs(wanted) do
    if not isGone[id] then removeTask(id, s, s.size) end
  end
end
