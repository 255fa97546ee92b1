-- include includes/state.lua

-- `lone` has, of each task against which crashes count, the tokens of the leases that ended so: ",token,token,". Those that a
-- version before has counted are not there.
local LONE = P .. 'lone'

local function addLoneCrash(id, s)
  s.loneCrashes = s.loneCrashes + 1
  call('HSET', LONE, id, (call('HGET', LONE, id) or ',') .. s.token .. ',')
end

local function forgetLoneCrashes(id)
  call('HDEL', LONE, id)
end

-- Whether the end of this lease counted against its task until now.
local function takeOffLone(id, token)
  local tokens = call('HGET', LONE, id)
  local from, to = find(tokens or '', ',' .. token .. ',', 1, true)
  if not from then return false end
  local rest = sub(tokens, 1, from) .. sub(tokens, to + 1)
  if rest == ',' then forgetLoneCrashes(id) else call('HSET', LONE, id, rest) end
  return true
end
