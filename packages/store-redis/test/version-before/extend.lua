#!lua flags=allow-oom
-- include includes/leases.lua

-- Heartbeats. ARGV: time, namespace, leaseMs, then id and token of each lease. Reply: one letter each: o(k), l(ost), c(ancel).

local now = storeTime(ARGV[1])
local namespace, expiresAt = ARGV[2], now + ARGV[3]
local ids = {}
for i = 4, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end

local seen = {}

local function leaseOf(text)
  local lease = seen[text]
  if lease then return lease end
  local s = parseState(text)
  local ends, score = leaseEnd(s, expiresAt)
  local token = liesIn(namespace, s.head) and s.token
  lease = { token = token, holder = holderOf(s), ends = ends, score = score, cancelled = s.cancelAt }
  seen[text] = lease
  return lease
end

local answers, moved, firstEnds = {}, {}, {}
local states = #ids > 0 and call('HMGET', RUNNING, unpack(ids)) or {}
for i, id in ipairs(ids) do
  local lease = states[i] and leaseOf(states[i])
  if not lease or lease.token ~= ARGV[2 * i + 3] then
    answers[i] = 'l'
  else
    local list = moved[lease.holder] or {}
    moved[lease.holder] = list
    list[#list + 1], list[#list + 2] = lease.score, id
    firstEnds[lease.holder] = math.min(firstEnds[lease.holder] or lease.ends, lease.ends)
    answers[i] = lease.cancelled and 'c' or 'o'
  end
end
for holder, list in pairs(moved) do
  callWithAll('ZADD', leasesKey(holder), list, 4000)
  call('ZADD', WORKERS, 'LT', whole(firstEnds[holder]), holder)
end
return table.concat(answers)
