--[[
  Writes and confirms a copy if the caller still has the lease and this server is the one that gave it. An existing copy
  keeps its data and its later activity. A copy whose data is behind the durable side's is returned instead: the caller
  merges both, since JSON is not decoded here, and runs this again with the result.

  KEYS[1]  hash of the user reference
  ARGV[1]  id
  ARGV[2]  owner of the lease
  ARGV[3]  generation of the lease
  ARGV[4]  this server's time when it gave the lease, Unix ms
  ARGV[5]  record as the durable side has it
  ARGV[6]  its activity
  ARGV[7]  the durable side's time when it answered, Unix ms
  ARGV[8]  '1' when the session began after the lease was given
  ARGV[9]  version of the copy whose data last reached the durable side, or 0: a copy with a lower version is behind
  ARGV[10] version of the copy whose data the record's data replaces; empty: no copy

  Returns  { 'promoted', now, record, activity } | { 'behind', now, record, activity } | { 'lost' }

  Late runs do no harm: any change that made the record outdated removed the lease.
]]
--@include session-hash
--@include generation
local id = ARGV[1]
local owner, generation = string.match(redis.call('HGET', KEYS[1], id .. ':l') or '', LEASE)
if owner ~= ARGV[2] or generation ~= ARGV[3] or generation ~= find_generation() then return { 'lost' } end

local now = server_now()
local record = decode_record(ARGV[5])
local last_seen, expires = string.match(ARGV[6], ACTIVITY)

-- The durable side answered between the lease and now. If its own time is in between, the clocks agree. If not, its
-- instants move by the least difference of the clocks, so that the duration of the query moves nothing.
local asked = tonumber(ARGV[7])
local ahead = math.min(math.max(asked, tonumber(ARGV[4])), now) - asked
last_seen, expires, record.absolute = last_seen + ahead, expires + ahead, record.absolute + ahead
record.created = integer(record.created + ahead)
if record.authenticated ~= '' then record.authenticated = integer(record.authenticated + ahead) end

local copy = find_stored(id)
local told, replaced = tonumber(ARGV[9]), tonumber(ARGV[10])
if replaced and (not copy or copy.version ~= replaced) then return { 'lost' } end
if copy and not replaced and copy.version < told then return { 'behind', integer(now), copy.value, copy.activity } end

local counted_on
if copy then
  counted_on, record.header_rest = string.match(copy.header_rest, '^|(%w*)(.*)$')
  record.change, record.rest = copy.change, copy.rest
  if not replaced then record.data = copy.data end
  -- Another server, whose clock was ahead, may have recorded the activity.
  local early = math.max(copy.last_seen - now, 0)
  last_seen = math.max(last_seen, copy.last_seen - early)
  expires = math.max(expires, copy.expires - early)
end
expires = math.min(expires, record.absolute)

-- A version never comes back with other data, or an update could find its expected version by accident. A copy that was
-- lost, or lost its last versions in a fail-over, cannot have counted past the microseconds since 1970. Nor may the
-- version fall behind one that reached the durable side, perhaps from a server whose clock was ahead.
if counted_on == generation and not replaced then
  local changes = copy.hash == record.hash and 0 or 1
  record.version = math.max(copy.version + changes, record.version)
elseif ARGV[8] ~= '1' then
  local time = redis.call('TIME')
  record.version = math.max(time[1] * 1000000 + time[2], copy and copy.version + 1 or 0, record.version, told + 1)
end
record.header_rest = '|' .. generation .. (record.header_rest or '')

local value, activity = encode_record(record), encode_activity(last_seen, expires)
redis.call('HSET', KEYS[1], id, value, id .. ':t', activity, id .. ':g', generation)
redis.call('HDEL', KEYS[1], id .. ':l')
tidy(now, expires)
return { 'promoted', integer(now), value, activity }
