#!lua
-- include includes/base.lua

-- Writes, so that a server which takes no writes is noticed. Reply: what INFO says of memory.

call('HSET', META, 'probe', call('TIME')[1])
return call('INFO', 'memory')
