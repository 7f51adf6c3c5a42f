--[[
  The generation names the history that this server's state belongs to. It is the replication id, which Redis draws anew
  when a process starts and whenever a replica becomes the master, even one that was the master before. A replica has
  none, nor has a server that hides it. hot/generation-watch.ts reads the same from INFO. The durable side's epoch is
  part of it.
]]
local function find_generation()
  local replication = redis.call('INFO', 'replication')
  if not string.find(replication, 'role:master', 1, true) then return nil end
  local id = string.match(replication, 'master_replid:(%w+)')
  return id and FLOOR > 0 and id .. 'x' .. integer(FLOOR) or id
end

-- Whether another server counted the copy's version. The epoch does not matter: it never restores an older version.
-- Sessions of the plain store have no generation and cost no INFO.
local function is_counted_elsewhere(session)
  local counted_on = string.match(session.header_rest, '^|(%x+)')
  return counted_on and counted_on ~= string.match(find_generation() or '', '^%x+')
end
