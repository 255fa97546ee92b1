-- include includes/overdue.lua

-- Sets a worker's time in `workers` to that of its first lease; nil when it has none, and it is forgotten.
local function firstLeaseOf(holder)
  local head = call('ZRANGE', leasesKey(holder), 0, 0, 'WITHSCORES')
  if #head == 0 then
    call('ZREM', WORKERS, holder)
    call('HDEL', NODES_OF, holder)
    call('SREM', SEVERAL_NODES, holder)
    call('DEL', P .. 'claims:' .. holder)
    call('HDEL', COMPANY, holder)
    return nil
  end
  call('ZADD', WORKERS, head[2], holder)
  return tonumber(head[2])
end
