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

-- Where entries of a time, or a later one, begin; none do before `from`. Those of tasks that are removed together are near each
-- other as a rule, so the steps begin small.
local function firstIndex(time, from)
  local low, high, step = from, from, 1
  while timeAt(high) < time do low, high, step = high + 1, high + step, step * 2 end
  while low < high do
    local middle = floor((low + high) / 2)
    if timeAt(middle) < time then low = middle + 1 else high = middle end
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

-- Removes tasks that ended at one time; says where their entries begin.
local function removeOfTime(time, wanted, count, from)
  local first = firstIndex(time, from)
  local index = first
  while count > 0 do
    local entries = call('LRANGE', DONE, index, index + AT_ONCE - 1)
    if #entries == 0 then return first end
    for i, entry in ipairs(entries) do
      if tonumber(match(entry, '^%d+')) > time then return first end
      count = count - removeFrom(index + i - 1, entry, wanted)
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
