"""The four things Redis must do in one step. Every key of a script lies in one shard."""

from __future__ import annotations

# KEYS pass, voucher · ARGV bucket prefix, shards, bucket size
# → [voucher, pass, copy]; the last two are missing for an unknown pass. A pass begins with its resident (8 bytes).
LOOK = """
local voucher = redis.call('GET', KEYS[2])
local pass = redis.call('GET', KEYS[1])
if not pass then return {voucher} end
local place = math.floor(struct.unpack('>I8', pass) / ARGV[2])
local copy = redis.call('HGET', ARGV[1] .. string.format('%d', math.floor(place / ARGV[3])), place % ARGV[3])
return {voucher, pass, copy}
"""

# KEYS pass, stream · ARGV pass as settled, keep_ms, entry for the journal
# The first merchant owns the pass. → the pass as it now stands: as settled just now (and the journal has it), or as
# settled before, by this merchant or another; nothing when the pass is gone. Bytes 17 to 20 are the merchant.
SETTLE = """
local pass = redis.call('GET', KEYS[1])
if not pass then return false end
if string.sub(pass, 17, 20) ~= '\\0\\0\\0\\0' then return pass end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('XADD', KEYS[2], '*', 'd', ARGV[3])
return ARGV[1]
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
