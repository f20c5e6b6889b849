-- SPDX-License-Identifier: BSD-2-Clause
-- A walk through the language and its libraries; every line of output is compared.

local function section(name) print("== " .. name) end

section("arithmetic")
print(7 // 2, 7 % 3, -7 // 2, -7 % 3, 2 ^ 10, 1 / 3)
print(math.maxinteger, math.mininteger, math.pi)
print(string.format("%.14g %.3e %a", 0.1, 12345.678, 1.5))
print(10 // 0.0, -10 // 0.0, math.type(1), math.type(1.0))
print(5 & 3, 5 | 3, 5 ~ 3, ~5, 1 << 40, -1 >> 60)
print(math.tointeger("8"), tonumber("0x1p4"), tonumber("1e2"), tonumber("z", 36))
print(math.ult(1, -1), math.floor(-2.5), math.ceil(-2.5), math.fmod(-7, 3))
for _, f in ipairs({ "sin", "cos", "tan", "exp", "log", "sqrt" }) do
  print(f, string.format("%.15g", math[f](0.7)))
end

section("strings")
local text = "The quick brown fox jumps over the lazy dog"
print(#text, text:upper(), text:lower(), text:reverse())
print(text:find("quick"), text:match("(%a+) dog"), text:gsub("o", "0"))
for word in text:gmatch("%a+") do io.write(word:sub(1, 1)) end
print()
print(("x"):rep(5, ","), ("%q"):format('a "quoted"\nline\0end'))
print(string.byte("ABC", 1, -1), string.char(72, 105))
print(utf8.char(228, 8364, 128512), utf8.len("äöü"), #"äöü")
print(string.pack("<i4", 100):byte(1, -1))
print(string.unpack("<d", string.pack("<d", 2.5)))
print(("%5.1f|%-8s|%08d|%+d|%x"):format(3.14159, "left", 42, 7, 255))

section("tables")
local list = {}
for i = 1, 20 do list[i] = (i * 7919) % 101 end
table.sort(list)
print(table.concat(list, " "))
table.sort(list, function(a, b) return a > b end)
print(table.unpack(list, 1, 5))
table.insert(list, 1, "first")
table.remove(list)
print(#list, list[1], select("#", table.unpack(list)))
print(table.concat(table.move({ 1, 2, 3 }, 1, 3, 2), ","))
local packed = table.pack(1, nil, 3)
print(packed.n)

section("closures and varargs")
local function counter()
  local n = 0
  return function() n = n + 1; return n end
end
local a, b = counter(), counter()
print(a(), a(), b(), a())
local function sum(...)
  local total = 0
  for _, v in ipairs({ ... }) do total = total + v end
  return total, select("#", ...)
end
print(sum(1, 2, 3, 4))

section("metatables")
local Vector = {}
Vector.__index = Vector
Vector.__add = function(p, q) return Vector.new(p.x + q.x, p.y + q.y) end
Vector.__eq = function(p, q) return p.x == q.x and p.y == q.y end
Vector.__lt = function(p, q) return p.x < q.x end
Vector.__tostring = function(p) return "(" .. p.x .. ", " .. p.y .. ")" end
Vector.__len = function() return 2 end
Vector.__call = function(p, k) return p[k] end
Vector.__concat = function(p, q) return tostring(p) .. ".." .. tostring(q) end
function Vector.new(x, y) return setmetatable({ x = x, y = y }, Vector) end
local v = Vector.new(1, 2) + Vector.new(3, 4)
print(tostring(v), #v, v("x"), v == Vector.new(4, 6), v < Vector.new(5, 0), v .. v)
local defaults = setmetatable({}, { __index = function(_, k) return k .. "!" end })
print(defaults.hello, rawget(defaults, "hello"))
local log = {}
local proxy = setmetatable({}, { __newindex = function(_, k, val) log[#log + 1] = k .. "=" .. val end })
proxy.a, proxy.b = 1, 2
table.sort(log)
print(table.concat(log, " "))

section("coroutines")
local function generate(n)
  return coroutine.wrap(function()
    for i = 1, n do coroutine.yield(i, i * i) end
  end)
end
for i, square in generate(5) do io.write(i, ":", square, " ") end
print()
local co = coroutine.create(function(x)
  local y = coroutine.yield(x + 1)
  error("stop at " .. y)
end)
print(coroutine.resume(co, 1))
print(coroutine.resume(co, 5))
print(coroutine.status(co), coroutine.isyieldable())
local function permute(items, n)
  if n == 0 then coroutine.yield(table.concat(items)) end
  for i = 1, n do
    items[n], items[i] = items[i], items[n]
    permute(items, n - 1)
    items[n], items[i] = items[i], items[n]
  end
end
local all = {}
for p in coroutine.wrap(function() permute({ "a", "b", "c", "d" }, 4) end) do all[#all + 1] = p end
print(#all, all[1], all[24])

section("errors")
print(pcall(error, { code = 7 }))
print(select(2, pcall(error, "plain", 0)))
print(pcall(function() return nil + 1 end))
print(xpcall(function() error("deep") end, function(m) return "handled: " .. m end))
do
  local closed <close> = setmetatable({}, { __close = function() print("closed") end })
  print("in scope")
end
goto skip
print("never printed")
::skip::
print(tostring(assert(select(2, pcall(assert, false, "message")))))

section("files")
local name = os.tmpname()
local file = assert(io.open(name, "w"))
for i = 1, 1000 do file:write("line ", i, "\n") end
print(file:seek("cur"))
file:close()
local count, bytes = 0, 0
for line in io.lines(name) do count = count + 1; bytes = bytes + #line end
print(count, bytes)
file = assert(io.open(name, "r+"))
file:seek("set", 5)
file:write("ONE")
file:seek("set", 0)
print(file:read("l"), file:read("n"), file:read(4), file:read("L"))
print(#file:read("a"), file:read("a"), file:read("l"))
file:close()
print(os.rename(name, name .. ".moved"), os.remove(name .. ".moved"))
print(select(2, io.open(name)) ~= nil, select(3, io.open(name)))
print(select(3, io.open("/no/such/folder/file", "w")))
print(select(3, os.remove("/no/such/file")))
file = io.tmpfile()
file:setvbuf("full", 64)
file:write(("z"):rep(100000))
print(file:seek("end"))
file:close()

section("time")
print(os.date("!%Y-%m-%d %H:%M:%S", 86400 * 365))
print(os.time({ year = 2020, month = 2, day = 29, hour = 12 }) ~= nil)
local begun = os.clock()
local spin = 0
for i = 1, 200000 do spin = spin + i % 7 end
print(spin, os.clock() >= begun, os.time() > 1500000000)
print(os.getenv("HOME"), os.getenv("NO_SUCH_VARIABLE"))

section("memory")
local before = collectgarbage("count")
local trees = {}
local function tree(depth)
  if depth == 0 then return {} end
  return { tree(depth - 1), tree(depth - 1) }
end
local function size(t) return t[1] and 1 + size(t[1]) + size(t[2]) or 1 end
for i = 1, 8 do trees[i] = tree(12) end
print(size(trees[8]), collectgarbage("count") > before)
trees = nil
collectgarbage()
local weak = setmetatable({ {} }, { __mode = "v" })
collectgarbage()
print(#weak, collectgarbage("isrunning"))

section("load")
print(load("return 1 + 1")(), load("syntax error here"))
local environment = { print = print }
load("x = 5; print(x)", "chunk", "t", environment)()
print(environment.x, x)
print(#string.dump(function() return 1 end) > 0)
print(require("string") == string, package.path ~= nil, type(package.loaded))

section("binary data")
local record = string.pack(">I2 s1 z i8 !8 d", 0xbeef, "short", "zero ended", -2, 0.5)
print(#record, string.packsize(">I2 i8 d"), (record:gsub(".", function(c) return ("%02x"):format(c:byte()) end)))
print(string.unpack(">I2 s1 z i8 !8 d", record))
print(pcall(string.pack, "i1", 200), pcall(string.unpack, "<i8", "short"))
print(string.unpack("<I3", "\1\2\3"), string.pack("<j", math.mininteger) == ("\0"):rep(7) .. "\x80")

section("unicode")
local greek = "αβγ, 𝄞!"
print(#greek, utf8.len(greek), utf8.codepoint(greek, 1, 3))
for at, code in utf8.codes(greek) do io.write(at, "=", ("U+%04X"):format(code), " ") end
print(utf8.offset(greek, 3), utf8.offset(greek, -1), utf8.len("\xff"), greek:match(utf8.charpattern))
print(pcall(utf8.codepoint, "\xe4", 1), utf8.char(0x7FFFFFFF):byte(1, -1))

section("numbers at their ends")
print(math.maxinteger + 1 == math.mininteger, math.mininteger // -1, math.maxinteger * 2.0)
print(7 // -2, -7 // 2.0, 7 % -3, -7 % 3.5, 5.5 // 0, 0.0 / 0.0 ~= 0.0 / 0.0, pcall(function() return 1 // 0 end))
print(1 < 1.5, 2^53 == 2^53 + 1, math.maxinteger + 0.0 == math.maxinteger, "10" + 5, "0x10" * 1, 10 .. "")
print(1 << 63, 1 << 64, 1 >> -1, 3.0 | 0, pcall(function() return 1.5 | 0 end))
print(tostring(-0.0), 1e15, 1e16, 2^63, 123456789012345678, 1e100, -1e-7, 0x.8p1, 3 | 0x8000000000000000)
print(tonumber("  12  "), tonumber("1e"), tonumber("7", 8), tonumber("8", 8), tonumber("ZZ", 36), tonumber("0b1"))

section("format")
print(("[%5s][%-5s][%.2s][%05d][%+.3d][% d][%#x][%#o]"):format("ab", "ab", "abc", -42, 7, 3, 255, 8))
print(("[%g][%g][%.3g][%10.4f][%-10.2e][%a]"):format(1e20, 0.0001, 1234567, math.pi, math.pi, -0.1))
print(("%q %q %q %q"):format(1 / 3, math.mininteger, "\r\n\0001", 0 / 1))
print(("%c%c%c %i %u %% %s %s"):format(76, 117, 97, -3, 3, nil, true), pcall(string.format, "%d", 1.5))
print(("%s|%10s|%-10s|"):format(setmetatable({}, { __tostring = function() return "shown" end }), "right", "left"))

section("control")
for row = 1, 4 do
  for column = 1, 4 do
    if column == row then goto continue end
    if column * row > 8 then goto done end
    io.write(row * column, " ")
    ::continue::
  end
end
::done::
print()
for i = 3, 1, -1 do io.write(i, ",") end
for x = 1.0, 2.0, 0.25 do io.write(x, ";") end
for i = math.maxinteger - 1, math.maxinteger do io.write(i, " ") end
print(pcall(function() for _ = 1, 10, 0 do end end))
repeat local once = true until once
print(select(-1, "a", "b", "c"), (select("#")), pcall(select, 0))

section("objects")
local Base = {}; Base.__index = Base
function Base.new(class, name) return setmetatable({ name = name }, class) end
function Base:speak() return self.name .. " says " .. self:sound() end
local Dog = setmetatable({ sound = function() return "woof" end }, { __index = Base }); Dog.__index = Dog
Dog.__lt = function(p, q) return p.name < q.name end
Dog.__le = function(p, q) return p.name <= q.name end
Dog.__unm = function(p) return Dog:new(p.name:reverse()) end
Dog.__idiv, Dog.__shl, Dog.__band = function() return "//" end, function() return "<<" end, function() return "&" end
Dog.__close = function(p, problem) print("leaves", p.name, problem) end
local rex, ada = Dog:new("rex"), Dog:new("ada")
print(rex:speak(), ada < rex, rex <= ada, (-rex).name, rex // 2, rex << 1, 1 & rex, rawequal(rex, rex))
print(pcall(function() local guest <close> = ada; error("in between", 0) end))
local order = {}
for key, value in pairs(setmetatable({}, { __pairs = function() return next, { only = 1 }, nil end })) do
  order[#order + 1] = key .. value
end
print(order[1], getmetatable(setmetatable({}, { __metatable = "locked" })), getmetatable("").__index == string)

section("coroutines between each other")
local function producer(n) return coroutine.create(function() for i = 1, n do coroutine.yield(i) end return "dry" end) end
local function filter(source, keep)
  return coroutine.wrap(function()
    while true do
      local alive, value = coroutine.resume(source)
      if not alive or type(value) ~= "number" then return value end
      if keep(value) then coroutine.yield(value) end
    end
  end)
end
local odd = filter(producer(7), function(n) return n % 2 == 1 end)
print(odd(), odd(), odd(), odd(), odd(), pcall(odd))
local closing = coroutine.create(function() local held <close> = rex; coroutine.yield("held") end)
print(coroutine.resume(closing), coroutine.status(closing), coroutine.close(closing), coroutine.status(closing))
print(select(2, coroutine.running()), pcall(coroutine.yield), coroutine.resume(coroutine.running()))
print(table.unpack({ pcall(pcall) }, 1, 3), xpcall(coroutine.wrap(function(...) return ... end), print, 4, 5))

section("streams")
local path = os.tmpname()
local out = assert(io.open(path, "wb"))
print(io.type(out), out:write("12 0x1F -7.5e1\n", "\n", ("line\0with zero\n"), "last"):seek("cur"), out:seek("set", 3), out:seek("end"))
out:close()
print(io.type(out), pcall(out.write, out, "x"))
local input = assert(io.open(path, "rb"))
print(input:read("n", "n", "n", "n"))
print(input:read("L"), input:read(0), #input:read("l"), input:read(4, 0), input:read(0), input:read("a"))
input:close()
io.output(path):write("by default"); io.close()
io.input(path); print(io.read(2, "a")); io.close(io.input()); io.output(io.stdout)
local append = assert(io.open(path, "a+")); append:write("!"); append:seek("set"); print(append:read("a")); append:close()
for a, b in io.lines(path, 3, "l") do print(a, b) end
print(pcall(io.lines, "/no/such/file"), pcall(io.open, path, "rz"), io.open("/", "w"))
print(os.remove(path), select(2, os.rename(path, path)) ~= nil)
print(os.date("!%A %j %H:%M", 1e9), os.date("!*t", 0).year, os.difftime(10, 4), os.time({ year = 1970, month = 1, day = 2, hour = 0 }))
print(pcall(os.date, "%Ez"), os.setlocale("C"), os.setlocale("no_SUCH"), os.getenv("PATH") ~= nil)
os.exit(3)
