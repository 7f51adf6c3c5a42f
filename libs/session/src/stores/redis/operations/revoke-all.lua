--[[
  Ends all live sessions of a user except one. Records that this version cannot read are dropped, too: they may belong to
  this user, and a newer version may accept them.

  KEYS[1]  hash of the user reference
  ARGV[1]  user id, base64url
  ARGV[2]  id to keep, or empty
  ARGV[3]  not after, Unix ms: a late run spares sessions that began later, so that a sign-in since then survives

  Returns  { 'done' | 'late', now, number of unreadable records dropped, then the ids that ended }
]]
--@include session-hash
local user, keep, not_after = ARGV[1], ARGV[2], tonumber(ARGV[3])
local now = server_now()
local all = read_all(now)
local unreadable = 0
for _, id in ipairs(all.unreadable) do
  if id ~= keep then
    drop(id)
    unreadable = unreadable + 1
  end
end

local is_late = now > not_after
local reply = { is_late and 'late' or 'done', integer(now), unreadable }
for _, session in ipairs(all.live) do
  local is_later_sign_in = is_late and session.created > not_after
  if session.user == user and session.id ~= keep and not is_later_sign_in then
    session.reason = 'revoked'
    drop(session.id)
    table.insert(reply, session.id)
  end
end
for _, expired in ipairs(all.expired) do drop(expired) end
keep_until(latest_expiry(all.live), now, #all.unreadable > unreadable)
return reply
