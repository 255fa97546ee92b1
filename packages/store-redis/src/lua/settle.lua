#!lua flags=allow-oom
-- include includes/ending.lua
-- include includes/named-claims.lua

-- Ends leases, and claims the next tasks when the call asks for it.
-- ARGV: time; number of settlements; their namespace; of the claim, see claim.lua: namespace ('' for no claim), queues, types,
-- limit, leaseMs, worker, node, name; then for each settlement: id; outcome (o f c r) and token, as one word; result, or
-- "retryable,delay,jitter" and error, or when a lease must end to be released, '' at any time.
-- Reply: time; ready lanes; lanes; results, joined by ';', each '' (lost) or status,lane,waitMs,runMs,runAt,repeated;
-- then, with a claim: ids, how the tasks differ from a first attempt, the tasks (see claimReady).

local now = storeTime(ARGV[1])
promoteDue(now)
local n, namespace = tonumber(ARGV[2]), ARGV[3]
local FIRST, WIDTH = 12, 3

local saved, succeeded, gone = {}, {}, {}
local changed, results = {}, {}
local nowText = whole(now)

local function resultText(status, s, runAt, repeated)
  local waitMs, runMs = 0, 0
  if not repeated then waitMs, runMs = math.max(0, s.startedAt - s.claimedReadyAt), now - s.startedAt end
  return table.concat({ status, s.head.lane, waitMs, runMs, optional(runAt), repeated and '1' or '0' }, ',')
end

local LINE = '^(%d+)\31([^\31]*)\31[^\31]*\31(%d+)\31[^\31]*\31[^\31]*\31([^\31]*)\31(.*)$'

-- A settlement that comes again because its reply was lost is answered as it was the first time, also when the task has
-- gone on since. A success has ended the task.
local function repeatedText(id, s, token, outcome)
  -- How the history says that a lease was settled, as a state says it; '' when it does not. The lines that end a lease are
  -- the last ones of its token.
  local function settledInHistory(number)
    local key = historyKey(id)
    local first, last = 0, call('LLEN', key) - 1
    while first < last do
      local middle = floor((first + last + 1) / 2)
      local _, _, ofLine = match(call('LINDEX', key, middle), LINE)
      if tonumber(ofLine) <= number then first = middle else last = middle - 1 end
    end
    for i = last, math.max(0, last - 3), -1 do
      local at, kind, ofLine, word, data = match(call('LINDEX', key, i), LINE)
      if tonumber(ofLine) ~= number then return '' end
      if kind == 'released' then return 'rq' end
      if kind == 'retry-scheduled' then
        return isTimeoutError(data) and '' or tonumber(word) > tonumber(at) and 'fs' or 'fq'
      end
      if (kind == 'failed' or kind == 'cancelled') and word ~= '' then return word end
    end
    return ''
  end

  if not liesIn(namespace, s.head) then return '' end
  local settled = ''
  if s.token == token and s.status ~= 'r' then settled = s.settled end
  if settled == '' and outcome ~= 'o' and s.historyBytes > 0 then
    local number = tonumber(token)
    if number and number <= tonumber(s.token) then settled = settledInHistory(number) end
  end
  if sub(settled, 1, 1) ~= outcome then return '' end
  return resultText(sub(settled, 2), s, nil, true)
end

local function release(id, s)
  if s.cancelAt then return cancelRunning(id, s, 'r', now) end
  takeLease(id, s)
  endAttempt(id, s, 'released', now, nil, nil)
  s.settled, s.attempt = 'rq', s.attempt - 1
  s.startedAt, s.endAt, s.worker, s.progress, s.text = nil, nil, '', '', ''
  -- The attempt is given back, and so is the task's place in the line.
  makeReady(id, s, s.readyAt)
  saveState(id, s)
  return 'q', s.readyAt
end

-- A lease that was extended since is not given back by who knows only when it was to end before.
local function isOutdated(id, s, expiresAt)
  if expiresAt == '' then return false end
  local _, score = leaseEnd(s, tonumber(expiresAt))
  return tonumber(score) ~= tonumber(call('ZSCORE', leasesKey(holderOf(s)), id))
end

local function settleOther(id, s, outcome, text)
  s.claimedReadyAt = s.readyAt
  local started = { startedAt = s.startedAt, claimedReadyAt = s.readyAt, head = s.head }
  local status, runAt
  if outcome == 'f' then
    local retryable, delay, jitter, reason = match(text, '^(%d),([^,]*),([^\31]*)\31(.*)$')
    local how = { error = reason, retryable = retryable == '1', delay = tonumber(delay), jitter = tonumber(jitter) }
    status, runAt = failAttempt(id, s, how, 'f', now)
  elseif outcome == 'c' then
    status = cancelRunning(id, s, 'c', now)
  else
    status, runAt = release(id, s)
  end
  return resultText(status, started, runAt, false)
end

-- Successes are most of all settlements. Theirs are written together, and what those of one claim and chunk share is
-- worked out once.
local successes = {}

local function successOf(text)
  local known = successes[text]
  if known then return known end
  local s = parseState(text)
  s.claimedReadyAt = s.readyAt
  local one = { result = resultText('o', s, nil, false), ids = {}, bytes = 0 }
  -- No settlement fits a lease of another namespace.
  if liesIn(namespace, s.head) then one.token, one.success = s.token, 'o' .. s.token end
  one.isPlain = isPlain(s)
  one.head = s.head
  one.lane, one.hasCancel, one.hasCrashed = laneOf(s.head.lane), s.cancelAt ~= nil, s.loneCrashes > 0
  local holder = holderOf(s)
  gone[holder] = gone[holder] or {}
  one.gone = gone[holder]
  s.status, s.settled, s.endAt, s.cancelAt, s.records, s.text = 'o', 'oo', now, nil, 0, ''
  one.prefix = stateText(s)
  one.size = finishedSize(#one.prefix, s)
  successes[text] = one
  return one
end

local function succeed(id, one, result)
  local text = one.prefix .. result
  saved[#saved + 1] = id
  saved[#saved + 1] = text
  changed[id] = text
  one.gone[#one.gone + 1] = id
  succeeded[#succeeded + 1] = id
  one.ids[#one.ids + 1] = id
  one.bytes = one.bytes + one.size + #result
  if one.hasCancel then call('ZREM', CANCELS, id) end
  if one.hasCrashed then forgetLoneCrashes(id) end
  return one.result
end

-- `changed` has what this call made of a task: a lease that it names twice is settled once.
local function settleOne(at, text)
  local id, word = ARGV[at], ARGV[at + 1]
  local one = text and not changed[id] and successOf(text)
  if one and one.success == word then return succeed(id, one, ARGV[at + 2]) end
  local outcome, token = sub(word, 1, 1), sub(word, 2)
  if not one then
    local state = changed[id] or call('HGET', STATES, id)
    return state and repeatedText(id, parseState(state), token, outcome) or ''
  end
  if one.token ~= token then return repeatedText(id, parseState(text), token, outcome) end
  local s = parseState(text)
  if outcome == 'r' and isOutdated(id, s, ARGV[at + 2]) then return '' end
  local answer = settleOther(id, s, outcome, ARGV[at + 2])
  changed[id] = call('HGET', STATES, id)
  return answer
end

for from = 1, n, 1000 do
  local ids = {}
  for i = from, math.min(from + 999, n) do ids[#ids + 1] = ARGV[FIRST + (i - 1) * WIDTH] end
  local states = call('HMGET', RUNNING, unpack(ids))
  for k = 1, #ids do
    local i = from + k - 1
    results[i] = settleOne(FIRST + (i - 1) * WIDTH, states[k])
  end
end

callWithAll('HDEL', RUNNING, succeeded, 4000)
callWithAll('HSET', STATES, saved, 4000)
for holder, ids in pairs(gone) do callWithAll('ZREM', leasesKey(holder), ids, 4000) end
local entries = {}
for _, one in pairs(successes) do
  local n, head = #one.ids, one.head
  if n > 0 then
    count(one.lane, 'r', -n)
    count(one.lane, 'o', n)
    count(one.lane, 'total', n)
    finishedBytes = finishedBytes + one.bytes
    local common = table.concat({ head.lane, head.base, head.size, one.bytes }, ',')
    entries[#entries + 1] = finishedEntry(nowText, one.isPlain and common or '', one.ids)
  end
end
callWithAll('RPUSH', finishedList('o'), entries, 1000)

local reply = { nowText, '', '', table.concat(results, ';') }
if ARGV[4] ~= '' then
  claimReady(reply, {
    namespace = ARGV[4], queues = ARGV[5], types = ARGV[6], limit = tonumber(ARGV[7]), leaseMs = tonumber(ARGV[8]),
    worker = ARGV[9], node = ARGV[10], request = ARGV[11],
  }, now)
end
saveLanes()
reply[2], reply[3] = readyLaneNames(), laneTable()
return reply
