"""The four things Redis must do in one step. Every key of a script lies in one shard."""

from __future__ import annotations

# KEYS pass, voucher · ARGV bucket prefix, shards, bucket size
# → [voucher, resident, expires_ms, scenario, merchant, answer, copy]; all but the voucher are missing for an unknown pass.
LOOK = """
local voucher = redis.call('GET', KEYS[2])
local pass = redis.call('HMGET', KEYS[1], 'r', 'x', 's', 'm', 'a')
if not pass[1] then return {voucher} end
local place = math.floor(tonumber(pass[1]) / tonumber(ARGV[2]))
local size = tonumber(ARGV[3])
local copy = redis.call('HGET', ARGV[1] .. string.format('%d', math.floor(place / size)), place % size)
return {voucher, pass[1], pass[2], pass[3], pass[4], pass[5], copy}
"""

# KEYS pass, stream · ARGV merchant, answer, keep_ms, journal, facts
# The first merchant owns the pass. → [1, answer] when the answer now stands (the journal has it), [0, answer] when this
# merchant had been answered before, [0] when the pass is another merchant's or gone; only the first writes the journal.
SETTLE = """
local pass = redis.call('HMGET', KEYS[1], 'r', 'm', 'a')
if not pass[1] then return {0} end
if pass[2] then
  if pass[2] == ARGV[1] then return {0, pass[3]} end
  return {0}
end
redis.call('HSET', KEYS[1], 'm', ARGV[1], 'a', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('XADD', KEYS[2], '*', 'j', ARGV[4], 'f', ARGV[5], 'a', ARGV[2])
return {1, ARGV[2]}
"""

# KEYS bucket · ARGV field, copy. The first eight bytes are the version: an older copy never replaces a newer one.
PUT = """
local held = redis.call('HGET', KEYS[1], ARGV[1])
if held and string.sub(held, 1, 8) > string.sub(ARGV[2], 1, 8) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
"""

# KEYS voucher, floor · ARGV generation, ttl_ms. A generation below the floor is never vouched for again.
VOUCH = """
local held = tonumber(redis.call('GET', KEYS[2]) or '0')
local generation = tonumber(ARGV[1])
if held > generation then return 0 end
if held < generation then redis.call('SET', KEYS[2], ARGV[1]) end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
