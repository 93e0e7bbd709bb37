# cmake -DSCRIPTS=a.js,b.js,... -DOUTPUT=... -P join.cmake: one module of several scripts, in the order in which they are listed.
set(module "// Made from host/cli/report/js and host/python/viewer.\n")
string(REPLACE "," ";" scripts "${SCRIPTS}")
foreach(script IN LISTS scripts)
  file(READ "${script}" content)
  string(APPEND module "${content}\n")
endforeach()
file(WRITE "${OUTPUT}" "${module}export default { render };\n")
