from countem._program import main

main()
