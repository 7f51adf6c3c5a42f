--[[
  Keeps a revocation that the durable side could not take.

  KEYS[1]  hash of kept revocations; a field of it is nowAtMs|JSON
  ARGV[1]  field
  ARGV[2]  revocation, JSON
  ARGV[3]  not after, Unix ms: a late one would end sessions that began after its caller had given up

  Returns  { 'kept' } | { 'late', now }
]]
--@include session-hash
local now = server_now()
if now > tonumber(ARGV[3]) then return { 'late', integer(now) } end
redis.call('HSETNX', KEYS[1], ARGV[1], integer(now) .. '|' .. ARGV[2])
return { 'kept' }
