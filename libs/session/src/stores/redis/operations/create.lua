--[[
  Creates a session, enforces the user's limit and ends the session that the new one replaces.

  KEYS[1]   hash of the user reference
  ARGV[1]   id
  ARGV[2]   token hash, base64url
  ARGV[3]   user id, base64url; empty: anonymous
  ARGV[4]   idle timeout, ms
  ARGV[5]   absolute timeout, ms
  ARGV[6]   details, JSON
  ARGV[7]   authentication, JSON
  ARGV[8]   data, JSON
  ARGV[9]   limit of live sessions of the user; empty: no limit
  ARGV[10]  'reject' or 'revoke-oldest'; the latter evicts sessions that await a second factor first
  ARGV[11]  id of the session to replace if it is in this hash; else empty
  ARGV[12]  not after, Unix ms: the caller has given up by then

  Returns  { 'created', now, record, activity, then id, user, reason of each session that ended }
           { 'id-taken' } | { 'limit' } | { 'late', now }

  The insert is the first write. A server out of memory refuses it, and then nothing has changed.
  A client that lost its connection may send this twice. The second run finds the same token hash and returns 'created'.
]]
-- A session begins at the cutoff at the earliest: created after revokeEverything, it survives even if the clock was set back.
--@include session-hash
-- Plain text is enough: inside a JSON string the quotes would be escaped.
local function awaits_second_factor(value)
  local authentication = string.match(value, '^[^\n]*\n[^\n]*\n([^\n]*)') or ''
  return string.find(authentication, '"pending":true', 1, true) ~= nil
end

local id, hash, user, replaces = ARGV[1], ARGV[2], ARGV[3], ARGV[11]
local now = server_now()
if now > tonumber(ARGV[12]) then return { 'late', integer(now) } end

if redis.call('HEXISTS', KEYS[1], id) == 1 then
  local standing = find_live(id, now)
  if not standing or standing.hash ~= hash then return { 'id-taken' } end
  return { 'created', integer(now), standing.value, standing.activity }
end

local limit = tonumber(ARGV[9])
local all = (limit or replaces ~= '') and read_all(now) or { live = {} }
local mine, ended = {}, {}
for _, session in ipairs(all.live) do
  if session.id == replaces then
    session.reason = 'replaced'
    table.insert(ended, session)
  elseif session.user == user and user ~= '' then
    table.insert(mine, session)
  end
end

local excess = limit and user ~= '' and #mine + 1 - limit or 0
if excess > 0 and ARGV[10] == 'reject' then return { 'limit' } end
if excess > 0 then
  for _, session in ipairs(mine) do session.awaits = awaits_second_factor(session.value) end
  table.sort(mine, function(a, b)
    if a.awaits ~= b.awaits then return a.awaits end
    if a.created ~= b.created then return a.created < b.created end
    return a.id < b.id
  end)
  for i = 1, math.min(excess, #mine) do
    mine[i].reason = 'evicted'
    table.insert(ended, mine[i])
  end
end

local absolute = now + tonumber(ARGV[5])
local expires = math.min(now + tonumber(ARGV[4]), absolute)
local record = encode_record({
  version = 1, hash = hash, created = integer(math.max(now, FLOOR)), absolute = absolute,
  authenticated = user ~= '' and integer(now) or '', user = user, change = '', header_rest = '',
  details = ARGV[6], authentication = ARGV[7], data = ARGV[8], rest = '',
})
local activity = encode_activity(now, expires)
redis.call('HSETNX', KEYS[1], id, record)
redis.call('HSET', KEYS[1], id .. ':t', activity)

local reply = { 'created', integer(now), record, activity }
for _, session in ipairs(ended) do
  drop(session.id)
  table.insert(reply, session.id)
  table.insert(reply, session.user)
  table.insert(reply, session.reason)
end
if all.expired then
  for _, expired in ipairs(all.expired) do drop(expired) end
  keep_until(math.max(expires, latest_expiry(all.live)), now, #all.unreadable > 0)
else
  tidy(now, expires)
end
return reply
