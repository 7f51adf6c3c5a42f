--[[
  Writes and confirms a copy if the lease is still the caller's and this server is the one that gave it. A copy that is
  there keeps its data and its later activity.

  KEYS[1]  hash of the user reference
  ARGV[1]  id
  ARGV[2]  owner of the lease
  ARGV[3]  generation of the lease
  ARGV[4]  this server's time when it gave the lease, Unix ms
  ARGV[5]  record as the durable side has it
  ARGV[6]  its activity
  ARGV[7]  the durable side's time when it said so, Unix ms
  ARGV[8]  '1' when the session began after the lease was given

  Returns  { 'promoted', now, record, activity } | { 'lost' }

  Late runs do no harm: whatever made the record outdated took the lease away.
]]
--@include session-hash
--@include generation
local id = ARGV[1]
local owner, generation = string.match(redis.call('HGET', KEYS[1], id .. ':l') or '', LEASE)
if owner ~= ARGV[2] or generation ~= ARGV[3] or generation ~= find_generation() then return { 'lost' } end

local now = server_now()
local record = decode_record(ARGV[5])
local last_seen, expires = string.match(ARGV[6], ACTIVITY)

-- The durable side was asked between the lease and now. If its clock says so too, the clocks agree; if not, its
-- instants are moved by as much as the clocks are sure to differ, so that how long the asking took moves nothing.
local asked = tonumber(ARGV[7])
local ahead = math.min(math.max(asked, tonumber(ARGV[4])), now) - asked
last_seen, expires, record.absolute = last_seen + ahead, expires + ahead, record.absolute + ahead
record.created = integer(record.created + ahead)
if record.authenticated ~= '' then record.authenticated = integer(record.authenticated + ahead) end

local copy = find_stored(id)
local counted_on
if copy then
  counted_on, record.header_rest = string.match(copy.header_rest, '^|(%w*)(.*)$')
  record.data, record.change, record.rest = copy.data, copy.change, copy.rest
  -- Activity may have been recorded by another server, whose clock was ahead.
  local early = math.max(copy.last_seen - now, 0)
  last_seen = math.max(last_seen, copy.last_seen - early)
  expires = math.max(expires, copy.expires - early)
end
expires = math.min(expires, record.absolute)

-- No version comes twice with other data, so that an update never finds its version by accident: of a copy that was
-- lost, or whose last versions a fail-over took, more than microseconds since 1970 cannot have been counted.
if counted_on == generation then
  local changes = copy.hash == record.hash and 0 or 1
  record.version = math.max(copy.version + changes, record.version)
elseif ARGV[8] ~= '1' then
  local time = redis.call('TIME')
  record.version = math.max(time[1] * 1000000 + time[2], copy and copy.version + 1 or 0, record.version)
end
record.header_rest = '|' .. generation .. (record.header_rest or '')

local value, activity = encode_record(record), encode_activity(last_seen, expires)
redis.call('HSET', KEYS[1], id, value, id .. ':t', activity, id .. ':g', generation)
redis.call('HDEL', KEYS[1], id .. ':l')
tidy(now, expires)
return { 'promoted', integer(now), value, activity }
