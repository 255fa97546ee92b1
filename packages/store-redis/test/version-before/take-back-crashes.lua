#!lua flags=allow-oom
-- include includes/lanes.lua
-- include includes/lone-crashes.lua

-- Takes back crashes that count against tasks: the workers of these leases are alive. ARGV: namespace, id and token of each lease.

for i = 2, #ARGV, 2 do
  local id = ARGV[i]
  local text = readState(id)
  local s = text and parseState(text)
  if s and liesIn(ARGV[1], s.head) and takeOffLone(id, ARGV[i + 1]) and s.loneCrashes > 0 then
    s.loneCrashes = s.loneCrashes - 1
    saveState(id, s)
  end
end
