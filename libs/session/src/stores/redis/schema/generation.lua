--[[
  What names the history that this server's state belongs to: the replication id, which Redis draws anew when a process
  starts and whenever a replica becomes the master, also one that was the master before. Nothing on a replica, and where
  a server does not tell. The same is read from INFO in hot/generation-watch.ts. The epoch of the durable side belongs to it.
]]
local function find_generation()
  local replication = redis.call('INFO', 'replication')
  if not string.find(replication, 'role:master', 1, true) then return nil end
  local id = string.match(replication, 'master_replid:(%w+)')
  return id and FLOOR > 0 and id .. 'x' .. integer(FLOOR) or id
end

-- Whether a copy is as another server left it. The epoch is no matter: it takes nothing back. Sessions that are no copies
-- have no generation, and cost no INFO.
local function is_counted_elsewhere(session)
  local counted_on = string.match(session.header_rest, '^|(%x+)')
  return counted_on and counted_on ~= string.match(find_generation() or '', '^%x+')
end
