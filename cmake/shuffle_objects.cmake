# Writes a linker's response file with OBJECTS (separated by semicolons) in an order drawn from SEED,
# to OUTPUT. Which object stands where decides how the hot loops lie in cache lines and pages; a
# benchmark that knows one order only cannot tell that luck from an effect.
# usage: cmake -DOBJECTS=... -DSEED=1 -DOUTPUT=objects.rsp -P shuffle_objects.cmake
set(keyed "")
foreach(object IN LISTS OBJECTS)
  get_filename_component(name "${object}" NAME)
  get_filename_component(folder "${object}" DIRECTORY)
  get_filename_component(folder "${folder}" NAME)
  # Of the name, not of the path: the same order in every build folder.
  string(MD5 key "${SEED}/${folder}/${name}")
  list(APPEND keyed "${key}|${object}")
endforeach()
list(SORT keyed)
set(text "")
foreach(entry IN LISTS keyed)
  string(REGEX REPLACE "^[0-9a-f]+\\|" "" object "${entry}")
  string(APPEND text "\"${object}\"\n")
endforeach()
file(WRITE "${OUTPUT}" "${text}")
