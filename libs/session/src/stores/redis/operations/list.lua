--[[
  Returns all live sessions of a user. Drops expired ones on the way.

  KEYS[1]  hash of the user reference
  ARGV[1]  user id, base64url

  Returns  { now, number of unreadable records, their ids, then id, record, activity of each session }
]]
--@include session-hash
local user = ARGV[1]
local now = server_now()
local all = read_all(now)
local reply = { integer(now), #all.unreadable }
for _, id in ipairs(all.unreadable) do table.insert(reply, id) end
for _, session in ipairs(all.live) do
  if session.user == user then
    table.insert(reply, session.id)
    table.insert(reply, session.value)
    table.insert(reply, session.activity)
  end
end
if #all.expired > 0 then
  for _, expired in ipairs(all.expired) do drop(expired) end
  keep_until(latest_expiry(all.live), now, #all.unreadable > 0)
end
return reply
