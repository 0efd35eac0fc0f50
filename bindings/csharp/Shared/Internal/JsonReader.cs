// Reads one JSON text, strictly (RFC 8259): what the library writes, and what a user hands over.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Llava.Internal
{
    internal sealed class JsonReader
    {
        private const int MostDepth = 200;

        private readonly string text;
        private int place;
        private int depth;

        public JsonReader(string text)
        {
            if (text == null) throw new ArgumentNullException("text");
            this.text = text;
        }

        public Json Whole()
        {
            var value = Value();
            SkipBlanks();
            if (place != text.Length) throw Wrong("the end");
            return value;
        }

        /// <summary>Writes a text with its quotes.</summary>
        public static void Quote(StringBuilder to, string text)
        {
            to.Append('"');
            foreach (var each in text)
            {
                if (each == '"' || each == '\\') to.Append('\\').Append(each);
                else if (each == '\n') to.Append("\\n");
                else if (each < 0x20) to.Append("\\u").Append(((int)each).ToString("x4", CultureInfo.InvariantCulture));
                else to.Append(each);
            }
            to.Append('"');
        }

        private Json Value()
        {
            SkipBlanks();
            if (place == text.Length) throw Wrong("a value");
            switch (text[place])
            {
                case '{': return Nested(Object);
                case '[': return Nested(List);
                case '"': return Json.Of(Text());
                case 't': return Word("true", true);
                case 'f': return Word("false", false);
                case 'n': return Word("null", null);
                default: return Number();
            }
        }

        private Json Nested(Func<Json> read)
        {
            if (++depth > MostDepth) throw Wrong("at most " + MostDepth + " levels");
            var value = read();
            --depth;
            return value;
        }

        private Json Object()
        {
            var fields = new List<KeyValuePair<string, Json>>();
            ++place;
            if (Take('}')) return Json.OfFields(fields);
            do
            {
                SkipBlanks();
                if (place == text.Length || text[place] != '"') throw Wrong("a name");
                var key = Text();
                if (!Take(':')) throw Wrong("':'");
                fields.Add(new KeyValuePair<string, Json>(key, Value()));
            } while (Take(','));
            if (!Take('}')) throw Wrong("',' or '}'");
            return Json.OfFields(fields);
        }

        private Json List()
        {
            var values = new List<Json>();
            ++place;
            if (Take(']')) return Json.OfValues(values);
            do values.Add(Value());
            while (Take(','));
            if (!Take(']')) throw Wrong("',' or ']'");
            return Json.OfValues(values);
        }

        private string Text()
        {
            var read = new StringBuilder();
            ++place;
            while (true)
            {
                if (place == text.Length || text[place] < 0x20) throw Wrong("the end of a text");
                var each = text[place++];
                if (each == '"') return read.ToString();
                read.Append(each == '\\' ? Escaped() : each);
            }
        }

        private char Escaped()
        {
            if (place == text.Length) throw Wrong("an escape");
            var each = text[place++];
            switch (each)
            {
                case 'b': return '\b';
                case 'f': return '\f';
                case 'n': return '\n';
                case 'r': return '\r';
                case 't': return '\t';
                case '"':
                case '\\':
                case '/': return each;
            }
            ushort code;
            if (each != 'u' || place + 4 > text.Length || !ushort.TryParse(text.Substring(place, 4),
                    NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out code))
                throw Wrong("an escape");
            place += 4;
            return (char)code;
        }

        private Json Word(string word, object value)
        {
            if (string.CompareOrdinal(text, place, word, 0, word.Length) != 0) throw Wrong("a value");
            place += word.Length;
            return Json.Of(value);
        }

        private Json Number()
        {
            var begin = place;
            while (place < text.Length && "+-0123456789.eE".IndexOf(text[place]) >= 0) ++place;
            var read = text.Substring(begin, place - begin);
            long whole;
            double number;
            var fits = read.Length > 0 && (char.IsDigit(read[0]) || read[0] == '-');
            if (fits && long.TryParse(read, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out whole))
                return Json.Of(whole);
            if (fits && double.TryParse(read, NumberStyles.Float, CultureInfo.InvariantCulture, out number) &&
                !double.IsInfinity(number) && !double.IsNaN(number))
                return Json.Of(number);
            place = begin;
            throw Wrong("a value");
        }

        private bool Take(char wanted)
        {
            SkipBlanks();
            if (place == text.Length || text[place] != wanted) return false;
            ++place;
            return true;
        }

        private void SkipBlanks()
        {
            while (place < text.Length && " \t\r\n".IndexOf(text[place]) >= 0) ++place;
        }

        private FormatException Wrong(string expected)
        {
            var found = place < text.Length ? "'" + text[place] + "'" : "the end";
            return new FormatException("JSON, character " + place + ": found " + found + ", expected " + expected);
        }
    }
}
