--[[
  Keeps a revocation that could not reach the durable side.

  KEYS[1]  hash of kept revocations, with values nowAtMs|JSON
  ARGV[1]  field
  ARGV[2]  revocation, JSON
  ARGV[3]  not after, Unix ms: a late run would end sessions that began after the caller gave up

  Returns  { 'kept' } | { 'late', now }
]]
--@include session-hash
local now = server_now()
if now > tonumber(ARGV[3]) then return { 'late', integer(now) } end
redis.call('HSETNX', KEYS[1], ARGV[1], integer(now) .. '|' .. ARGV[2])
return { 'kept' }
