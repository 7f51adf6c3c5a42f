--[[
  Gives the caller a lease: it is about to ask the durable side about a session. Replaces any earlier lease.

  KEYS[1]  hash of the user reference
  ARGV[1]  id
  ARGV[2]  owner, without '|'

  Returns  { 'given', now, generation } | { 'no-generation' }

  Late runs do no harm: a caller without an answer never promotes with this lease.
]]
--@include session-hash
--@include generation
local id, owner = ARGV[1], ARGV[2]
local generation = find_generation()
if not generation then return { 'no-generation' } end

local now = server_now()
redis.call('HSET', KEYS[1], id .. ':l', owner .. '|' .. generation .. '|' .. integer(now))
if redis.call('PTTL', KEYS[1]) < LEASE_MS then redis.call('PEXPIREAT', KEYS[1], integer(now + LEASE_MS)) end
return { 'given', integer(now), generation }
