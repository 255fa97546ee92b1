#!lua flags=allow-oom
-- include includes/base.lua

-- ARGV: the version this program knows. Reply: the version found (0: none), and the version now.

local found = tonumber(call('HGET', META, 'version') or 0)
local known = tonumber(ARGV[1])
if found < known then call('HSET', META, 'version', known) end
-- See placeSome.
if call('HEXISTS', META, 'strangers') == 1 then call('HSET', META, 'placing', 1) end
return { found, math.max(found, known) }
