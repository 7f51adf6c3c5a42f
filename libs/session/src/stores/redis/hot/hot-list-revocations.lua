--[[
  Returns kept revocations, a random sample when there are more than the limit.

  KEYS[1]  hash of kept revocations
  ARGV[1]  limit

  Returns  { now, then field, value of each }
]]
--@include session-hash
local reply = redis.call('HRANDFIELD', KEYS[1], ARGV[1], 'WITHVALUES')
table.insert(reply, 1, integer(server_now()))
return reply
