--[[
  Records activity, at most once per interval. Five commands for a user with one session.

  KEYS[1]  hash of the user reference
  ARGV[1]  id
  ARGV[2]  idle timeout, ms
  ARGV[3]  touch interval, ms
  ARGV[4]  not after, Unix ms: a late run would record old activity as current

  Returns  { 'moved' } | { 'unmoved' }: not live, or seen within the interval | { 'late', now }
]]
--@include session-hash
local id = ARGV[1]
local now = server_now()
if now > tonumber(ARGV[4]) then return { 'late', integer(now) } end

local session = find_live(id, now)
if not session or now - session.last_seen < tonumber(ARGV[3]) then return { 'unmoved' } end

local expires = math.min(math.max(now + tonumber(ARGV[2]), session.expires), session.absolute)
redis.call('HSET', KEYS[1], id .. ':t', encode_activity(now, expires))
tidy(now, expires)
return { 'moved' }
