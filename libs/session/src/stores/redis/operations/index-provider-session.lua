--[[
  Adds a session to the index of a session at an identity provider.

  KEYS[1]  index of the provider's session, a hash: session id to expiry of the entry, Unix ms
  ARGV[1]  session id
  ARGV[2]  lifetime of the entry, ms; an entry that expires later keeps its expiry

  Returns  { }

  Late or repeated runs do no harm: an entry only means that a revocation reads the session's record.
]]
--@include session-hash
local id = ARGV[1]
local now = server_now()
local expires = math.max(now + tonumber(ARGV[2]), tonumber(redis.call('HGET', KEYS[1], id) or 0))
redis.call('HSET', KEYS[1], id, integer(expires))
if redis.call('PTTL', KEYS[1]) < expires - now then redis.call('PEXPIREAT', KEYS[1], integer(expires)) end

-- As in tidy: of many entries a random sample is checked, so that frequent sign-ins leave no pile of expired entries.
local is_large = redis.call('HLEN', KEYS[1]) > MAX_FIELDS_TO_TIDY
local entries = is_large and redis.call('HRANDFIELD', KEYS[1], SAMPLED_FIELDS, 'WITHVALUES') or redis.call('HGETALL', KEYS[1])
for i = 1, #entries, 2 do
  if tonumber(entries[i + 1]) <= now then redis.call('HDEL', KEYS[1], entries[i]) end
end
return {}
