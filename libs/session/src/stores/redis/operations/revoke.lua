--[[
  Ends one session. Drops a record that this version cannot read, too: a newer version may accept it.

  KEYS[1]  hash of the user reference
  ARGV[1]  id
  ARGV[2]  user id in base64url: only a session of this user is ended; '*': any user's
  ARGV[3]  '1' when an unreadable record may be dropped: no user is named, or the id carries that user's reference
  ARGV[4]  authentication, JSON: a live session is ended only while it has exactly this one; empty: any

  Returns  { 'ended', now, user id in base64url, empty for anonymous } | { 'absent' } | { 'changed' }
           { 'dropped', now, user id or empty }: there was a record that this version cannot read

  Late or repeated runs do no harm: an id is never used again.
]]
--@include session-hash
local id, owner = ARGV[1], ARGV[2]
local now = server_now()
local value = redis.call('HGET', KEYS[1], id)
if not value then return { 'absent' } end

local stored, session = find_stored(id), find_live(id, now)
local _, _, user = string.match(value, HEADER)
if user and owner ~= '*' and user ~= owner then return { 'absent' } end
if not user and ARGV[3] ~= '1' then return { 'absent' } end

if session and ARGV[4] ~= '' and session.authentication ~= ARGV[4] then return { 'changed' } end
drop(id)
tidy(now, 0)
if not stored then return { 'dropped', integer(now), user or '' } end
if not session then return { 'absent' } end
return { 'ended', integer(now), session.user }
