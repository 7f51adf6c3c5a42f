--[[
  Raises the cutoff: everything before it has ended.

  KEYS[1]  hash of cutoffs
  ARGV[1]  field
  ARGV[2]  value; empty: now
  ARGV[3]  '1' when the value is an instant, Unix ms, which must not be later than now
  ARGV[4]  not after, Unix ms: a late run would end sessions that began after the caller gave up; empty: no deadline
  ARGV[5]  mark to add beside the number, under <field>:marks; empty: none

  Returns  { 'raised', value asked for } | { 'late', now }

  A session that began in the same ms as this run is before the cutoff.
]]
--@include session-hash
local MAX_MARKS_LENGTH = 512
local now = server_now()
if ARGV[4] ~= '' and now > tonumber(ARGV[4]) then return { 'late', integer(now) } end

local value = tonumber(ARGV[2]) or now + 1
if ARGV[3] == '1' then value = math.min(value, now + 1) end
if value > tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or 0) then redis.call('HSET', KEYS[1], ARGV[1], integer(value)) end
if ARGV[5] ~= '' then
  local field = ARGV[1] .. ':marks'
  local marks = ARGV[5] .. ',' .. (redis.call('HGET', KEYS[1], field) or '')
  redis.call('HSET', KEYS[1], field, string.sub(marks, 1, MAX_MARKS_LENGTH))
end
return { 'raised', integer(value) }
