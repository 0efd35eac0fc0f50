// The smallest program there is: the version of the library it finds.
using System;
using Llava;

public static class Version
{
    public static int Main()
    {
        try
        {
            Console.WriteLine(Library.Version);
            return 0;
        }
        catch (DllNotFoundException failure)
        {
            Console.Error.WriteLine(failure.Message);
            return 1;
        }
    }
}
