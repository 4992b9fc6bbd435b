"""What Redis does in one step, in Lua; nothing else happens meanwhile."""

from __future__ import annotations

# KEYS: the use. ARGV: a mark of this asking, ms. 1 for the first use, else 0. A connection that breaks makes the client
# ask twice: the mark shows that the first use was its own.
FIRST_USE = """
local mark = redis.call('GET', KEYS[1])
if mark then return mark == ARGV[1] and 1 or 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

# KEYS: live, began, gone. ARGV: session, most, lease in ms, 1 to evict. 1 when the stream may go on, else 0.
LEASE = """
local live, began, gone = KEYS[1], KEYS[2], KEYS[3]
local me, most, lease, evicts = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
for _, ended in ipairs(redis.call('ZRANGEBYSCORE', live, '-inf', now)) do
  redis.call('ZREM', live, ended)
  redis.call('ZREM', began, ended)
end
redis.call('ZREMRANGEBYSCORE', gone, '-inf', now)
local goes_on = 1
if redis.call('ZSCORE', gone, me) then
  redis.call('ZADD', gone, now + lease, me)
  goes_on = 0
elseif not redis.call('ZSCORE', live, me) then
  local excess = redis.call('ZCARD', live) - most + 1
  if excess > 0 and not evicts then
    goes_on = 0
  else
    for _, oldest in ipairs(excess > 0 and redis.call('ZRANGE', began, 0, excess - 1) or {}) do
      redis.call('ZREM', live, oldest)
      redis.call('ZREM', began, oldest)
      redis.call('ZADD', gone, now + lease, oldest)
    end
    redis.call('ZADD', began, now, me)
  end
end
if goes_on == 1 then redis.call('ZADD', live, now + lease, me) end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, lease * 2) end
return goes_on
"""

# KEYS of all below: entries, state.

# ARGV: id, entry, most, channel, an epoch for a new hash. 1, or 0 when there is no room.
REVOKE = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('HSETNX', KEYS[2], 'epoch', ARGV[5])
redis.call('PUBLISH', ARGV[4], redis.call('HINCRBY', KEYS[2], 'version', 1))
return 1
"""

# ARGV: id, channel. Whether there was one.
LIFT = """
local had = redis.call('HDEL', KEYS[1], ARGV[1])
if had == 1 then redis.call('PUBLISH', ARGV[2], redis.call('HINCRBY', KEYS[2], 'version', 1)) end
return had
"""

# ARGV: the caller's epoch and version, an epoch for a new hash. Epoch, version and entries, or nothing when those are
# the caller's.
LOAD = """
redis.call('HSETNX', KEYS[2], 'epoch', ARGV[3])
redis.call('HSETNX', KEYS[2], 'version', 0)
local epoch, version = redis.call('HGET', KEYS[2], 'epoch'), redis.call('HGET', KEYS[2], 'version')
if epoch == ARGV[1] and version == ARGV[2] then return {} end
return {epoch, version, redis.call('HGETALL', KEYS[1])}
"""

# ARGV: channel, a new epoch, then ids and entries. What is there by now is left as it is.
PUT_BACK = """
for i = 3, #ARGV, 2 do redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('HSET', KEYS[2], 'epoch', ARGV[2])
redis.call('PUBLISH', ARGV[1], redis.call('HINCRBY', KEYS[2], 'version', 1))
return 1
"""

# ARGV: ids and entries that have ended. One that was extended meanwhile stays.
DROP = """
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
return 1
"""
