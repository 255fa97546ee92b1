#!lua flags=no-writes
-- include includes/base.lua

-- ARGV: namespace. Reply: each type and its defaults.

return call('HGETALL', P .. 'types:' .. ARGV[1])
