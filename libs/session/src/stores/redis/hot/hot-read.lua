--[[
  Reads a copy together with the generation and the time of this server, which decide whether the copy is believed.

  KEYS[1]  hash of the user reference
  ARGV[1]  id

  Returns  { now, record, activity, generation of the copy, generation of this server }, each empty when it is missing
]]
--@include session-hash
--@include generation
local id = ARGV[1]
local copy = redis.call('HMGET', KEYS[1], id, id .. ':t', id .. ':g')
local generation = copy[1] and copy[3] and find_generation()
return { integer(server_now()), copy[1] or '', copy[2] or '', copy[3] or '', generation or '' }
