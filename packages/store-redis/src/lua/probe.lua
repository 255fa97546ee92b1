#!lua
-- include parts/base.lua

-- Writes, so that a server which takes no writes is noticed.

call('HSET', META, 'probe', call('TIME')[1])
return 'ok'
