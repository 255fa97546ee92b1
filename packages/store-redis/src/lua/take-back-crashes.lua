#!lua flags=allow-oom
-- include parts/lone-crashes.lua

-- Takes back crashes that count against tasks: the workers of these leases are alive. ARGV: id and token of each lease.

for i = 1, #ARGV, 2 do
  local id = ARGV[i]
  local text = takeOffLone(id, ARGV[i + 1]) and readState(id)
  local s = text and parseState(text)
  if s and s.loneCrashes > 0 then
    s.loneCrashes = s.loneCrashes - 1
    saveState(id, s)
  end
end
