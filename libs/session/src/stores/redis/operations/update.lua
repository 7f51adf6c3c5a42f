--[[
  Replaces the data if the version is still the expected one.

  KEYS[1]  hash of the user reference
  ARGV[1]  id
  ARGV[2]  expected version
  ARGV[3]  data, JSON
  ARGV[4]  id of this change, base64url
  ARGV[5]  not after, Unix ms

  Returns  { 'applied' | 'conflict', now, record as it is now, activity } | { 'absent' } | { 'late', now }

  A client that lost its connection may send this twice. The second run finds its own change and returns 'applied'.
  A copy of the hybrid store whose version was counted on another server is absent until it is confirmed here: its data
  may be older than data that was acknowledged.
]]
--@include session-hash
--@include generation
local id, expected, change = ARGV[1], tonumber(ARGV[2]), ARGV[4]
local now = server_now()
if now > tonumber(ARGV[5]) then return { 'late', integer(now) } end

local session = find_live(id, now)
if not session then return { 'absent' } end
local own = session.version == expected + 1 and session.change == change
if not own and is_counted_elsewhere(session) then return { 'absent' } end
if session.version ~= expected then
  return { own and 'applied' or 'conflict', integer(now), session.value, session.activity }
end

session.version = expected + 1
session.data = ARGV[3]
session.change = change
local record = encode_record(session)
redis.call('HSET', KEYS[1], id, record)
return { 'applied', integer(now), record, session.activity }
