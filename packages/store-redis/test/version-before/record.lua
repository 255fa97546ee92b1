#!lua
-- include includes/history.lua

-- Appends progress and log lines. ARGV: time, namespace, most records of an attempt, most of a task; then for each entry: id,
-- token, progress or '', log as JSON or ''. Reply: one letter each: o(k), l(ost).

local now = storeTime(ARGV[1])
local namespace, mostOfAttempt, mostOfTask = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local met, order, answers = {}, {}, {}

-- Beyond its bounds the history drops a line; the newest progress is the task's all the same.
local function append(id, s, kind, data)
  if kind == 'progress' then s.progress = data end
  if s.records >= mostOfAttempt or s.allRecords >= mostOfTask then return end
  s.records, s.allRecords = s.records + 1, s.allRecords + 1
  addLine(id, s, kind, now, { data = data })
end

for i = 5, #ARGV, 4 do
  local id = ARGV[i]
  local s = met[id]
  if s == nil then
    local text = call('HGET', RUNNING, id)
    s = text and parseState(text)
    if s and not liesIn(namespace, s.head) then s = false end
    met[id] = s
    order[#order + 1] = id
  end
  if not s or s.token ~= ARGV[i + 1] then
    answers[#answers + 1] = 'l'
  else
    if ARGV[i + 2] ~= '' then append(id, s, 'progress', ARGV[i + 2]) end
    if ARGV[i + 3] ~= '' then append(id, s, 'log', ARGV[i + 3]) end
    s.touched = true
    answers[#answers + 1] = 'o'
  end
end
for _, id in ipairs(order) do
  if met[id] and met[id].touched then saveState(id, met[id]) end
end
return table.concat(answers)
