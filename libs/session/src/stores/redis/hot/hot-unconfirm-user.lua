--[[
  Stops belief in every copy in a hash and removes all leases. Two users may share a reference: for the other user this
  costs one read of the durable side.

  KEYS[1]  hash of the user reference
  ARGV[1]  id to leave unchanged, or empty

  Returns  { }
]]
--@include session-hash
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local id, suffix = string.sub(field, 1, ID_LENGTH), string.sub(field, ID_LENGTH + 1)
  if (suffix == ':g' or suffix == ':l') and id ~= ARGV[1] then redis.call('HDEL', KEYS[1], field) end
end
return {}
