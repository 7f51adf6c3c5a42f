--[[
  Returns the owners of the copies in a hash, without data.

  KEYS[1]  hash of the user reference

  Returns  { of each copy: id, token hash, user, '1' when it is believed here }
           A copy that this version cannot read has its id only; the rest is empty.
]]
--@include session-hash
--@include generation
local OWNER = '^1|%d+|([%w_%-]+)|%d+|%d+|%d*|([%w_%-]*)|'
local generation = find_generation()
local flat, values, reply = redis.call('HGETALL', KEYS[1]), {}, {}
for i = 1, #flat, 2 do values[flat[i]] = flat[i + 1] end
for i = 1, #flat, 2 do
  local id = flat[i]
  if #id == ID_LENGTH then
    local hash, user = string.match(flat[i + 1], OWNER)
    local is_believed = hash and values[id .. ':t'] and generation and values[id .. ':g'] == generation
    for _, value in ipairs({ id, hash or '', user or '', is_believed and '1' or '' }) do table.insert(reply, value) end
  end
end
return reply
