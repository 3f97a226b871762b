"""The things Redis must do in one step. Every key of a script lies in one shard.

A copy begins with its version (8 bytes): an older one never replaces a newer one. Versions are compared as numbers, for
Lua compares texts by the order of the language that the server happens to run under. Redis keeps a bucket in its compact
encoding only while no value in it is longer than 64 bytes: of a longer copy the first 64 bytes lie in the bucket and the
rest, behind the version once more, in the bucket's annex; so a value of 64 bytes always has a rest.
"""

from __future__ import annotations

# KEYS pass, voucher · ARGV bucket prefix, shards, bucket size
# → [voucher, pass, copy]; the last two are missing for an unknown pass. A pass begins with its resident (8 bytes).
LOOK = """
local voucher = redis.call('GET', KEYS[2])
local pass = redis.call('GET', KEYS[1])
if not pass then return {voucher} end
local place = math.floor(struct.unpack('>I8', pass) / ARGV[2])
local bucket = ARGV[1] .. string.format('%d', math.floor(place / ARGV[3]))
local copy = redis.call('HGET', bucket, place % ARGV[3])
if copy and #copy == 64 then
  local rest = redis.call('HGET', bucket .. ':+', place % ARGV[3])
  if not rest or string.sub(rest, 1, 8) ~= string.sub(copy, 1, 8) then return {voucher, pass, false} end
  copy = copy .. string.sub(rest, 9)
end
return {voucher, pass, copy}
"""

# KEYS pass, stream, voucher, questions asked so far · ARGV pass as settled, keep_ms, entry for the journal, who is asked
# about, for how many seconds questions are counted, most questions
# Without a voucher Redis decides nothing (0): a pass may be claimed in PostgreSQL at this very moment.
# The first merchant owns the pass. → the pass as it now stands: as settled just now (and the journal has it), or as
# settled before, by this merchant or another; 0 when the pass is gone. Bytes 17 to 20 are the merchant. → 1 where the
# merchant has asked about this resident too often, 2 where that is so for the first time; nothing is written then.
SETTLE = """
if redis.call('EXISTS', KEYS[3]) == 0 then return 0 end
local pass = redis.call('GET', KEYS[1])
if not pass then return 0 end
if string.sub(pass, 17, 20) ~= '\\0\\0\\0\\0' then return pass end
local asked = redis.call('HINCRBY', KEYS[4], ARGV[4], 1)
if asked == 1 and redis.call('TTL', KEYS[4]) < 0 then redis.call('EXPIRE', KEYS[4], ARGV[5]) end
if asked > tonumber(ARGV[6]) then return asked == ARGV[6] + 1 and 2 or 1 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('XADD', KEYS[2], '*', 'd', ARGV[3])
return ARGV[1]
"""

# Notes in `words` what holds `copy` in the place of `held`; the annex is seen to at once.
_TAKE = """
local function take(words, field, copy, held)
  if held and struct.unpack('>I8', held) > struct.unpack('>I8', copy) then return 0 end
  words[#words + 1] = field
  if #copy >= 64 then
    words[#words + 1] = string.sub(copy, 1, 64)
    redis.call('HSET', KEYS[1] .. ':+', field, string.sub(copy, 1, 8) .. string.sub(copy, 65))
  else
    words[#words + 1] = copy
    if held and #held == 64 then redis.call('HDEL', KEYS[1] .. ':+', field) end
  end
  return 1
end
"""

# KEYS bucket · ARGV field, copy
PUT = f"""{_TAKE}
local words = {{}}
if take(words, ARGV[1], ARGV[2], redis.call('HGET', KEYS[1], ARGV[1])) == 0 then return 0 end
redis.call('HSET', KEYS[1], unpack(words))
return 1
"""

# KEYS bucket, sign · ARGV length of a copy, copies of that length (the field in one byte before each), then any others
# as field, copy, field, copy … → how many were taken; -1 when the sign is gone: this memory has been lost meanwhile,
# and with it the newer copies that these would have given way to.
FILL = f"""{_TAKE}
if redis.call('EXISTS', KEYS[2]) == 0 then return -1 end
local held, all = {{}}, redis.call('HGETALL', KEYS[1])
for n = 1, #all, 2 do held[all[n]] = all[n + 1] end
local words, taken, length, rows = {{}}, 0, tonumber(ARGV[1]), ARGV[2]
for at = 1, #rows, length + 1 do
  local field = tostring(string.byte(rows, at))
  taken = taken + take(words, field, string.sub(rows, at + 1, at + length), held[field])
end
for n = 3, #ARGV, 2 do taken = taken + take(words, ARGV[n], ARGV[n + 1], held[ARGV[n]]) end
if #words > 0 then redis.call('HSET', KEYS[1], unpack(words)) end
return taken
"""

# KEYS voucher, floor · ARGV generation, until when (ms). A generation below the floor is never vouched for again. The end
# is a moment and not a while, so that a script carried out late (the server stood still) vouches for nothing any more.
VOUCH = """
local held = tonumber(redis.call('GET', KEYS[2]) or '0')
local generation = tonumber(ARGV[1])
if held > generation then return 0 end
if held < generation then redis.call('SET', KEYS[2], ARGV[1]) end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
return 1
"""

# KEYS voucher, questions asked so far · ARGV bucket prefix, bucket size, for how many seconds questions are counted, most
# questions, then rows of 14 bytes: a resident's place (8), who they are to this merchant (4), how many questions (2).
# → [voucher, copy, copy …]; in the place of a copy stands 1 where more has been asked than may be, 2 where that is so for
# the first time. A row of no questions only looks.
LOOK_MANY = """
local told, rows, size = {redis.call('GET', KEYS[1])}, ARGV[5], tonumber(ARGV[2])
local most, counted = tonumber(ARGV[4]), false
for at = 1, #rows, 14 do
  local place, _, questions = struct.unpack('>I8I4I2', rows, at)
  local copy = false
  local asked = 0
  if questions > 0 then asked = redis.call('HINCRBY', KEYS[2], string.sub(rows, at, at + 11), questions) end
  if asked > most then
    copy = asked - questions <= most and 2 or 1
  else
    local bucket = ARGV[1] .. string.format('%d', math.floor(place / size))
    copy = redis.call('HGET', bucket, place % size)
    if copy and #copy == 64 then
      local rest = redis.call('HGET', bucket .. ':+', place % size)
      if rest and string.sub(rest, 1, 8) == string.sub(copy, 1, 8) then copy = copy .. string.sub(rest, 9)
      else copy = false end
    end
  end
  if questions > 0 then counted = true end
  told[#told + 1] = copy
end
if counted and redis.call('TTL', KEYS[2]) < 0 then redis.call('EXPIRE', KEYS[2], ARGV[3]) end
return told
"""

# KEYS stream · ARGV entry, most entries → 0 where that many are waiting already
WRITE_DOWN = """
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('XADD', KEYS[1], '*', 'd', ARGV[1])
return 1
"""

# KEYS counter · ARGV how many to add, for how many seconds the counter lives → how many there are now
COUNT = """
local now = redis.call('INCRBY', KEYS[1], ARGV[1])
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return now
"""
