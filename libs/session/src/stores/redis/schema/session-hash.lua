--[[
  One user's sessions in one hash, as every script reads and writes them.

  KEYS[1] is the hash. Its fields, for each session:
    <id>    record, four lines:
              1|version|token hash|createdAtMs|absoluteExpiresAtMs|authenticatedAtMs or empty|user or empty|last change or empty
              details as JSON
              authentication as JSON: methods, level, provider
              data as JSON
            Hash and user id are in base64url; JSON text contains no raw line break. Further parts of the first line, and
            further lines, are kept unchanged: a later version may add some.
    <id>:t  activity: lastSeenAtMs|expiresAtMs
  Copies of the hybrid store have one more part in the first line, the generation that counts their versions, and:
    <id>:g  generation that confirmed the copy
    <id>:l  lease: owner|generation|givenAtMs
  The last argument of every script is the cutoff, Unix ms: sessions that began before it have ended. For copies of the
  hybrid store it is an epoch, which is part of their generation, behind an 'x'. Copies confirmed in an earlier epoch do
  not count.
  JSON is never decoded here. Instants are Unix time in ms by this server's clock.
]]
local HEADER = '^1|%d+|[%w_%-]+|(%d+)|(%d+)|%d*|([%w_%-]*)|'
local RECORD = '^1|(%d+)|([%w_%-]+)|(%d+)|(%d+)|(%d*)|([%w_%-]*)|([%w_%-]*)([^\n]*)\n([^\n]*)\n([^\n]*)\n([^\n]*)(.*)$'
local ACTIVITY = '^(%d+)|(%d+)'
local LEASE = '^([^|]+)|([^|]+)|(%d+)'
local LEASE_MS = 60000
local ID_LENGTH = 36
local MAX_FIELDS_TO_TIDY = 128
-- The fields of one session: record, activity, and of a copy its generation.
local MAX_FIELDS_OF_ONE = 3
local SAMPLED_FIELDS = 32
local FLOOR = tonumber(ARGV[#ARGV]) or 0
local EPOCH = '^|%x+x(%d+)'

local function integer(number)
  return string.format('%.0f', number)
end

local function server_now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function encode_activity(last_seen, expires)
  return integer(last_seen) .. '|' .. integer(expires)
end

-- Decodes a record; nil when this version cannot read it.
local function decode_record(value)
  local version, hash, created, absolute, authenticated, user, change, header_rest, details, authentication, data, rest =
    string.match(value, RECORD)
  if not version then return nil end
  return {
    version = tonumber(version), hash = hash, created = created, absolute = tonumber(absolute),
    authenticated = authenticated, user = user, change = change, header_rest = header_rest,
    details = details, authentication = authentication, data = data, rest = rest,
  }
end

local function encode_record(record)
  return table.concat({
    '1', integer(record.version), record.hash, record.created, integer(record.absolute), record.authenticated,
    record.user, record.change .. record.header_rest,
  }, '|') .. '\n' .. record.details .. '\n' .. record.authentication .. '\n' .. record.data .. record.rest
end

local function drop(id)
  redis.call('HDEL', KEYS[1], id, id .. ':t', id .. ':g', id .. ':l')
end

-- A session, live or not: its decoded record, value (the record as stored), last_seen and expires.
local function find_stored(id)
  local values = redis.call('HMGET', KEYS[1], id, id .. ':t')
  if not values[1] or not values[2] then return nil end
  local session = decode_record(values[1])
  local last_seen, expires = string.match(values[2], ACTIVITY)
  if not session or not last_seen then return nil end
  session.value, session.activity = values[1], values[2]
  session.last_seen, session.expires = tonumber(last_seen), tonumber(expires)
  return session
end

local function find_live(id, now)
  local session = find_stored(id)
  if not session or session.expires <= now or session.absolute <= now then return nil end
  if tonumber(session.created) < FLOOR then return nil end
  -- A further part of the header is a generation, which only copies have.
  if session.header_rest ~= '' and tonumber(string.match(session.header_rest, EPOCH) or 0) < FLOOR then return nil end
  return session
end

-- Everything in the hash: live sessions; ids of sessions that expired or are before the cutoff; ids of unreadable records.
local function read_all(now)
  local flat = redis.call('HGETALL', KEYS[1])
  local values, all = {}, { live = {}, expired = {}, unreadable = {} }
  for i = 1, #flat, 2 do values[flat[i]] = flat[i + 1] end
  for i = 1, #flat, 2 do
    local id, value = flat[i], flat[i + 1]
    if #id == ID_LENGTH then
      local activity = values[id .. ':t']
      local created, absolute, user = string.match(value, HEADER)
      local expires = activity and tonumber((select(2, string.match(activity, ACTIVITY))))
      local is_over = expires and (expires <= now or (absolute and tonumber(absolute) <= now))
      if is_over or (created and tonumber(created) < FLOOR) then
        table.insert(all.expired, id)
      elseif not created or not expires then
        table.insert(all.unreadable, id)
      else
        table.insert(all.live, {
          id = id, value = value, activity = activity, created = tonumber(created), expires = expires, user = user,
        })
      end
    end
  end
  return all
end

-- Sets the key's expiry to the latest inside it. When part of the content is unknown, the expiry only moves out.
local function keep_until(latest, now, must_not_shorten)
  if latest <= now then return end
  if must_not_shorten and redis.call('PTTL', KEYS[1]) >= latest - now then return end
  redis.call('PEXPIREAT', KEYS[1], integer(latest))
end

local function latest_expiry(sessions)
  local latest = 0
  for _, session in ipairs(sessions) do
    if not session.reason and session.expires > latest then latest = session.expires end
  end
  return latest
end

-- Drops expired sessions and forgotten leases, and sets the key's expiry. `expires`: of the session just written, or 0.
-- In a hash with many fields it checks a random sample, larger than one create can add, so that frequent sign-ins leave
-- no pile of expired sessions. The key's expiry then only moves out.
local function tidy(now, expires)
  local count = redis.call('HLEN', KEYS[1])
  if expires > now and count <= MAX_FIELDS_OF_ONE then return keep_until(expires, now, false) end
  local is_large = count > MAX_FIELDS_TO_TIDY
  local names = is_large and redis.call('HRANDFIELD', KEYS[1], SAMPLED_FIELDS) or redis.call('HKEYS', KEYS[1])
  local fields = {}
  for _, name in ipairs(names) do
    local suffix = string.sub(name, ID_LENGTH + 1)
    if suffix == ':t' or suffix == ':l' then table.insert(fields, name) end
  end
  local values = #fields > 0 and redis.call('HMGET', KEYS[1], unpack(fields)) or {}
  local latest, must_not_shorten = expires, is_large
  for i, field in ipairs(fields) do
    local value = values[i] or ''
    if string.sub(field, ID_LENGTH + 1) == ':l' then
      local _, _, given = string.match(value, LEASE)
      if not given or tonumber(given) < now - LEASE_MS then redis.call('HDEL', KEYS[1], field) end
    else
      local _, other = string.match(value, ACTIVITY)
      other = tonumber(other)
      if not other then must_not_shorten = true
      elseif other <= now then drop(string.sub(field, 1, ID_LENGTH))
      elseif other > latest then latest = other end
    end
  end
  keep_until(latest, now, must_not_shorten)
end
