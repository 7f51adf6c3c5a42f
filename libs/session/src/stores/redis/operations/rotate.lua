--[[
  Replaces the token hash if it is still the expected one.

  KEYS[1]  hash of the user reference
  ARGV[1]  id
  ARGV[2]  expected token hash, base64url
  ARGV[3]  new token hash, base64url
  ARGV[4]  not after, Unix ms: a late run would sign out a client whose caller reported a failure
  ARGV[5]  authentication, JSON, after a reauthentication; else empty, and the two timeouts with it
  ARGV[6]  idle timeout, ms
  ARGV[7]  absolute timeout, ms
  ARGV[8]  reason for ending all other live sessions of the user; empty: they survive

  Returns  { 'applied', now, record, activity, then id, user, reason of each other session that ended } | { 'absent' } |
           { 'superseded' } | { 'late', now }

  A client that lost its connection may send this twice. The second run finds the new hash in place and returns 'applied'
  without other sessions. Like revoke-all, it drops records that this version cannot read when the others end.
]]
--@include session-hash
local id, authentication, reason = ARGV[1], ARGV[5], ARGV[8]
local now = server_now()
if now > tonumber(ARGV[4]) then return { 'late', integer(now) } end

local session = find_live(id, now)
if not session then return { 'absent' } end
if session.hash == ARGV[3] then return { 'applied', integer(now), session.value, session.activity } end
if session.hash ~= ARGV[2] then return { 'superseded' } end

session.hash = ARGV[3]
session.version = session.version + 1
local activity = session.activity
if authentication ~= '' then
  session.authentication = authentication
  session.authenticated = integer(now)
  session.absolute = now + tonumber(ARGV[7])
  session.expires = math.min(now + tonumber(ARGV[6]), session.absolute)
  activity = encode_activity(now, session.expires)
end
local record = encode_record(session)
redis.call('HSET', KEYS[1], id, record, id .. ':t', activity)

local reply = { 'applied', integer(now), record, activity }
if reason ~= '' and session.user ~= '' then
  local all = read_all(now)
  for _, unreadable in ipairs(all.unreadable) do drop(unreadable) end
  for _, other in ipairs(all.live) do
    if other.user == session.user and other.id ~= id then
      drop(other.id)
      for _, value in ipairs({ other.id, other.user, reason }) do table.insert(reply, value) end
    end
  end
end
if authentication ~= '' or reason ~= '' then tidy(now, session.expires) end
return reply
