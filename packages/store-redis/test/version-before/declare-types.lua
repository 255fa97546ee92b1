#!lua
-- include includes/base.lua

-- ARGV: namespace, most types, then a type and its defaults each, '' for none; no type is named twice. Reply: 1 when all are
-- declared, 0 when there would be too many, and nothing was changed.

local key = P .. 'types:' .. ARGV[1]
local count = call('HLEN', key)
for i = 3, #ARGV, 2 do
  local before, after = call('HEXISTS', key, ARGV[i]), ARGV[i + 1] ~= '' and 1 or 0
  count = count + after - before
end
if count > tonumber(ARGV[2]) then return 0 end
for i = 3, #ARGV, 2 do
  if ARGV[i + 1] == '' then call('HDEL', key, ARGV[i]) else call('HSET', key, ARGV[i], ARGV[i + 1]) end
end
return 1
