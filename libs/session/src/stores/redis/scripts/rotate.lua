--[[
  Replaces the token hash if it is still the expected one.

  KEYS[1]  hash of the user reference
  ARGV[1]  id
  ARGV[2]  expected token hash, base64url
  ARGV[3]  new token hash, base64url
  ARGV[4]  not after, Unix ms: a late run would sign out a client whose caller was told that nothing happened
  ARGV[5]  amr, JSON, when the user proved who they are; else empty, and the two timeouts with it
  ARGV[6]  idle timeout, ms
  ARGV[7]  absolute timeout, ms

  Returns  { 'applied', now, record, activity } | { 'absent' } | { 'superseded' } | { 'late' }

  A client that lost the connection may send this twice; the second run finds the new hash in place and says 'applied'.
]]
--@include session-hash
local id, amr = ARGV[1], ARGV[5]
local now = server_now()
if now > tonumber(ARGV[4]) then return { 'late' } end

local session = find_live(id, now)
if not session then return { 'absent' } end
if session.hash == ARGV[3] then return { 'applied', integer(now), session.value, session.activity } end
if session.hash ~= ARGV[2] then return { 'superseded' } end

session.hash = ARGV[3]
session.version = session.version + 1
local activity = session.activity
if amr ~= '' then
  session.amr = amr
  session.authenticated = integer(now)
  session.absolute = now + tonumber(ARGV[7])
  session.expires = math.min(now + tonumber(ARGV[6]), session.absolute)
  activity = encode_activity(now, session.expires)
end
local record = encode_record(session)
redis.call('HSET', KEYS[1], id, record, id .. ':t', activity)
if amr ~= '' then tidy(now, session.expires) end
return { 'applied', integer(now), record, activity }
