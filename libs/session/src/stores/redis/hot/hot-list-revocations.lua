--[[
  Kept revocations, at random when there are more than asked for.

  KEYS[1]  hash of kept revocations
  ARGV[1]  at most so many

  Returns  { now, then field, value of each }
]]
--@include session-hash
local reply = redis.call('HRANDFIELD', KEYS[1], ARGV[1], 'WITHVALUES')
table.insert(reply, 1, integer(server_now()))
return reply
